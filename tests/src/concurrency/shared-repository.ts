import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from '@holdfast/core/testing';
import type { Repository } from '@holdfast/protocol';
import { CrashSystem } from '../crash/crash-system.ts';

const cliFile = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.mjs');
const commandLimitMs = 180_000;
const maxOutputBytes = 16 * 1024 * 1024;

/** What a client needs, as a shell would set it; both programs read the same names. */
export type Access = Readonly<Record<string, string>>;

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One repository at a real mover, and the programs that share it: Holdfast without a server, and an unmodified restic. */
export class SharedRepository implements AsyncDisposable {
  readonly folder: string;
  readonly #system: CrashSystem;
  readonly #place: Repository;

  private constructor(o: { readonly folder: string; readonly system: CrashSystem; readonly place: Repository }) {
    this.folder = o.folder;
    this.#system = o.system;
    this.#place = o.place;
  }

  static async start(folder: string): Promise<SharedRepository> {
    const system = await CrashSystem.start(folder);
    try {
      const { client, moverId } = system;
      const place = await client.call('createRepository', { body: { name: 'shared', moverId } });
      const shared = new SharedRepository({ folder, system, place });
      await shared.ended(shared.restic(['init'], await shared.access('append', 'first')));
      return shared;
    } catch (error) {
      await system[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A grant of its own, in the name of `who`. With `port` through something between the client and the mover. */
  async access(mode: 'append' | 'read' | 'maintain', who: string, port?: number): Promise<Access> {
    const params = { id: this.#place.id };
    const { client } = this.#system;
    const { grant, username, url, caPem } = await client.call('repositoryGrant', {
      params,
      body: { mode, note: who },
    });
    const { password } = await client.call('repositoryPassword', { params });
    const caFile = join(this.folder, 'mover-ca.pem');
    // Others read it while they work: written anew it would be empty for a moment.
    if (!existsSync(caFile)) writeFileSync(caFile, caPem);
    const address = new URL(url);
    if (port !== undefined) address.port = String(port);
    return {
      RESTIC_REPOSITORY: `rest:${address.href}`,
      RESTIC_REST_USERNAME: username,
      RESTIC_REST_PASSWORD: grant,
      RESTIC_CACERT: caFile,
      RESTIC_PASSWORD: password,
    };
  }

  /** Where the mover listens. */
  async moverPort(): Promise<number> {
    return Number(
      new URL((await this.access('read', 'nobody'))['RESTIC_REPOSITORY']?.slice('rest:'.length) ?? '').port,
    );
  }

  /** @param onStderr what the command says, as it says it */
  holdfast(args: readonly string[], access: Access, onStderr?: (text: string) => void): Promise<Ended> {
    return run(process.execPath, [cliFile, ...args], access, onStderr);
  }

  restic(args: readonly string[], access: Access): Promise<Ended> {
    const { path } = requireProgram('restic');
    return run(path, ['--no-cache', '--cacert', access['RESTIC_CACERT'] ?? '', ...args], access);
  }

  /** What the program printed. Throws with all of it when it failed. */
  async ended(running: Promise<Ended>): Promise<string> {
    const { status, stdout, stderr } = await running;
    if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}\n${stderr}\n${this.logs()}`);
    return stdout;
  }

  /** Packs that the mover has stored, as its disk shows them. */
  storedPacks(): number {
    const repositories = join(this.folder, 'repositories');
    const files = readdirSync(repositories, { recursive: true, withFileTypes: true });
    return files.filter((entry) => entry.isFile() && /[/\\]data[/\\][0-9a-f]{2}$/.test(entry.parentPath)).length;
  }

  logs(): string {
    return this.#system.logs();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system[Symbol.asyncDispose]();
  }
}

function run(file: string, args: readonly string[], access: Access, onStderr?: (text: string) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...access }, timeout: commandLimitMs, maxBuffer: maxOutputBytes };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(new Error(`${file}: ${error.message}\n${stderr}`));
      else resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
    if (onStderr !== undefined) child.stderr?.on('data', onStderr);
  });
}
