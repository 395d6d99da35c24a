import { join } from 'node:path';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { applicableMigrations, migrations, upgradeToVersion2 } from '@holdfast/repository/migrate';
import type { MigrateOptions } from '../commands/migrate.ts';
import { resolvePath } from '../data-directory.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { keepCopy } from './kept-copy.ts';
import { openGivenRepository } from './open-repository.ts';

export async function runMigrate(
  name: string | undefined,
  options: MigrateOptions,
  { signal: interrupted, view, resources }: Work,
): Promise<ExitStatus> {
  if (name !== undefined && !migrations.some((migration) => migration.name === name))
    throw new HoldfastError('usage.option', {
      message: `There is no migration ${JSON.stringify(name.slice(0, 80))}.`,
      guidance: `Known: ${migrations.map((migration) => migration.name).join(', ')}.`,
    });
  const repository = await openGivenRepository(options, { resources, signal: interrupted });
  const { id, version } = repository.config;
  if (name === undefined) {
    const needed = applicableMigrations(repository.config);
    if (options.json) await printJson({ kind: 'migrations', version, migrations: needed });
    else {
      const lines = needed.map((migration) => `  ${migration.name}\t${migration.description}\n`).join('');
      await print(needed.length === 0 ? 'no migrations found\n' : `available migrations:\n${lines}`);
    }
    return exitStatus.success;
  }
  const lock = resources.use(await repository.lock({ exclusive: true, signal: interrupted, onProblem: view.problem }));
  const signal = AbortSignal.any([interrupted, lock.signal]);
  const copy = join(resolvePath(options.copies), `config-${id}-version-1`);
  await upgradeToVersion2(repository, { signal, keepCopy: (config) => keepCopy(copy, config) });
  if (options.json) await printJson({ kind: 'migrate', name, version: 2, copy });
  else if (!options.quiet)
    await print(
      `Repository ${id.slice(0, 8)} has format version 2 now. A copy of the old configuration is ${copy}; it is not needed any more once a backup and a check have gone well.\n`,
    );
  return exitStatus.success;
}
