import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';

export function borg(file: string, version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file,
    args,
    env: {
      ...baseEnvironment(place),
      // A Python program that is not installed in the system's place finds its modules by this.
      ...(process.env['PYTHONPATH'] === undefined ? {} : { PYTHONPATH: process.env['PYTHONPATH'] }),
      BORG_BASE_DIR: place.home,
      BORG_REPO: place.repository,
      BORG_PASSPHRASE: place.password,
      // Repositories that are prepared once are copied for each round.
      BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
    },
  });
  return {
    name: 'borg',
    version,
    settings: 'repokey-blake2 (its faster hash), compression zstd,3; prune is prune and compact',
    format: 'own',
    init: (place) => [command(place, 'init', '--encryption', 'repokey-blake2')],
    backup: (place, source, sequence) =>
      command(place, 'create', '--compression', 'zstd,3', `::backup-${sequence}`, source),
    // It restores into the working folder, without the leading slash.
    restore: (place, { source, part, target, sequence }) => ({
      ...command(
        place,
        'extract',
        `::backup-${sequence}`,
        ...(part === undefined ? [] : [join(source, part).replace(/^\//, '')]),
      ),
      cwd: target,
    }),
    restored: ({ source, part, target }) => join(target, source, part ?? ''),
    check: (place) => command(place, 'check', '--verify-data'),
    prune: (place, keep) => [
      ...(keep === undefined ? [] : [command(place, 'prune', '--keep-last', String(keep))]),
      command(place, 'compact'),
    ],
  };
}
