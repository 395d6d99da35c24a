import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';

export function kopia(file: string, version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file,
    args: [...args, '--config-file', join(place.home, 'kopia.config'), '--no-progress'],
    env: {
      ...baseEnvironment(place),
      KOPIA_PASSWORD: place.password,
      KOPIA_CHECK_FOR_UPDATES: 'false',
    },
  });
  return {
    name: 'kopia',
    version,
    settings: 'compression zstd; prune is maintenance run --full --safety none',
    format: 'own',
    init: (place) => [
      command(place, 'repository', 'create', 'filesystem', '--path', place.repository),
      command(place, 'policy', 'set', '--global', '--compression', 'zstd'),
    ],
    backup: (place, source) => command(place, 'snapshot', 'create', source),
    restore: (place, { source, target }) => command(place, 'restore', source, target, '--snapshot-time', 'latest'),
    restored: ({ part, target }) => join(target, part ?? ''),
    check: (place) => command(place, 'snapshot', 'verify', '--verify-files-percent', '100'),
    prune: (place, keep) => [
      ...(keep === undefined
        ? []
        : [
            command(
              place,
              ...['policy', 'set', '--global', '--keep-latest', String(keep)],
              ...['hourly', 'daily', 'weekly', 'monthly', 'annual'].flatMap((period) => [`--keep-${period}`, '0']),
            ),
            command(place, 'snapshot', 'expire', '--all', '--delete'),
          ]),
      command(place, 'maintenance', 'run', '--full', '--safety', 'none'),
    ],
  };
}
