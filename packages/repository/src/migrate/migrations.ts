import { HoldfastError } from '@holdfast/core';
import { checkRepository } from '../check/check-repository.ts';
import { decodeConfig, encodeConfig, type RepositoryConfig } from '../format/config.ts';
import type { Repository, WaitOptions } from '../repository.ts';

/** A change of the repository's format that can be applied once. restic's names. */
export interface Migration {
  readonly name: 'upgrade_repo_v2';
  readonly description: string;
}

const upgrade: Migration = {
  name: 'upgrade_repo_v2',
  description: 'upgrade a repository to version 2, which compresses',
};

export const migrations: readonly Migration[] = [upgrade];

/** Those that this repository still needs. */
export function applicableMigrations(config: RepositoryConfig): readonly Migration[] {
  return config.version === 1 ? [upgrade] : [];
}

export interface UpgradeOptions extends WaitOptions {
  /** Is given the present `config` before it is replaced, and must have kept it durably when it resolves. */
  readonly keepCopy: (config: Uint8Array) => Promise<void>;
}

/**
 * Makes a version 1 repository one of version 2. What is stored stays as it is and can be read; what is written from now on is
 * compressed. Its structure is checked first. Hold the exclusive lock; open the repository again afterwards.
 * @throws request.conflict when it has version 2 already, storage.unsupported where the storage cannot replace a config,
 * repository.damaged when the check finds errors
 */
export async function upgradeToVersion2(repository: Repository, options: UpgradeOptions): Promise<void> {
  const { target, cipher, config } = repository;
  const { signal, keepCopy } = options;
  if (config.version !== 1)
    throw new HoldfastError('request.conflict', {
      message: `The repository has format version ${config.version} already.`,
    });
  if (target.replaceConfig === undefined)
    throw new HoldfastError('storage.unsupported', {
      message: `The storage at ${target.location} cannot replace the configuration of a repository.`,
      guidance:
        'A data mover never lets go of a config. Migrate on the disk that the mover writes to, while it is stopped.',
    });
  const report = await checkRepository(repository, { signal });
  const [first] = report.problems.filter(({ severity }) => severity === 'error');
  if (first !== undefined)
    throw new HoldfastError('repository.damaged', {
      message: `The check before the upgrade found ${report.errors} errors, the first one: ${first.object}: ${first.message}`,
      guidance:
        'Nothing was changed. Look at all of them with `holdfast check`, and repair them with restic before the upgrade.',
    });
  const name = { type: 'config', id: '' } as const;
  const present = await target.read(name, { signal });
  await keepCopy(present);
  const next = cipher.seal(encodeConfig({ ...config, version: 2 }));
  await repository.confirmLocks({ signal });
  await target.replaceConfig(next, { expected: present, signal });
  const written = cipher.tryOpen(await target.read(name, { signal }));
  if (written === undefined || decodeConfig(written).version !== 2)
    throw new HoldfastError('storage.tampered', {
      message: 'The new configuration is not what was written.',
      guidance: 'Put the copy of the old one, which this command has kept, in its place.',
    });
}
