import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, HoldfastError, hasCode } from '@holdfast/core';
import { openLocalDisk } from '@holdfast/storage';
import type { Quotas } from './config.ts';
import { GuardedRepository } from './guarded-repository.ts';
import type { Ledger, RepositoryKey } from './ledger.ts';
import { maxOpenRepositories } from './limits.ts';
import { Usage } from './usage.ts';

interface Entry {
  readonly opening: Promise<GuardedRepository>;
  users: number;
}

/** The repositories below the storage root, `<tenant>/<repository>` each, opened when they are asked for. */
export class Repositories implements AsyncDisposable {
  readonly #root: string;
  readonly #ledger: Ledger;
  readonly #quotas: Quotas;
  readonly #clock: Clock;
  /** In the order of use, the least recent first. */
  readonly #open = new Map<string, Entry>();

  constructor(options: { root: string; ledger: Ledger; quotas: Quotas; clock: Clock }) {
    this.#root = options.root;
    this.#ledger = options.ledger;
    this.#quotas = options.quotas;
    this.#clock = options.clock;
  }

  /** Makes the folders of a repository; harmless when they are there. */
  async place(key: RepositoryKey): Promise<{ location: string; freeBytes: number }> {
    const path = this.#pathOf(key);
    await using _disk = await openLocalDisk({ path, create: true, clock: this.#clock });
    const { bavail, bsize } = await statfs(path);
    return { location: path, freeBytes: bavail * bsize };
  }

  /** The repository, kept open until disposed. `repository.missing` if it was never placed. */
  async open(key: RepositoryKey): Promise<{ repository: GuardedRepository } & AsyncDisposable> {
    const path = this.#pathOf(key);
    let entry = this.#open.get(path);
    if (!entry) {
      await this.#makeRoom();
      entry = this.#open.get(path) ?? { opening: this.#openGuarded(key, path), users: 0 };
    }
    this.#open.delete(path);
    this.#open.set(path, entry);
    entry.users += 1;
    const used = entry;
    try {
      const repository = await used.opening;
      return {
        repository,
        [Symbol.asyncDispose]: async () => {
          used.users -= 1;
        },
      };
    } catch (error) {
      used.users -= 1;
      if (this.#open.get(path) === used) this.#open.delete(path);
      throw error;
    }
  }

  async #openGuarded(key: RepositoryKey, path: string): Promise<GuardedRepository> {
    try {
      const disk = await openLocalDisk({ path, clock: this.#clock });
      const name = `${key.tenant}/${key.repository}`;
      const quotaBytes = this.#quotas.repositories[name] ?? this.#quotas.defaultBytes;
      const usage = new Usage({ target: disk, name, quotaBytes });
      return await GuardedRepository.open({ key, disk, ledger: this.#ledger, usage, clock: this.#clock });
    } catch (error) {
      if (!hasCode(error, 'repository.missing')) throw error;
      // Without the path: it is the owner's business.
      throw new HoldfastError('repository.missing', {
        message: `There is no repository ${key.tenant}/${key.repository} on this mover.`,
        cause: error,
      });
    }
  }

  async #makeRoom(): Promise<void> {
    if (this.#open.size < maxOpenRepositories) return;
    for (const [path, entry] of this.#open) {
      if (entry.users > 0) continue;
      this.#open.delete(path);
      await (await entry.opening)[Symbol.asyncDispose]();
      return;
    }
    throw new HoldfastError('storage.unavailable', {
      message: `More than ${maxOpenRepositories} repositories are in use at once.`,
    });
  }

  /** Tenant and repository are slugs: neither can leave the root. */
  #pathOf(key: RepositoryKey): string {
    return join(this.#root, key.tenant, key.repository);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.#open.values()];
    this.#open.clear();
    for (const { opening } of entries) {
      try {
        await (await opening)[Symbol.asyncDispose]();
      } catch (error) {
        if (!hasCode(error, 'repository.missing')) throw error;
      }
    }
  }
}
