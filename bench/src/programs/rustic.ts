import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';

export function rustic(file: string, version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file,
    args: ['--repository', place.repository, '--password-file', place.passwordFile, '--no-progress', ...args],
    env: baseEnvironment(place),
  });
  return {
    name: 'rustic',
    version,
    settings:
      'defaults, but prune --instant-delete --max-repack unlimited: by default it keeps what is unused for 23 hours, and repacks no more than 10 %',
    format: 'restic',
    init: (place) => [command(place, 'init')],
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, { source, part, target }) =>
      command(place, 'restore', `latest:${join(source, part ?? '')}`, target),
    restored: ({ target }) => target,
    check: (place) => command(place, 'check', '--read-data'),
    prune: (place, keep) => [
      ...(keep === undefined ? [] : [command(place, 'forget', '--keep-last', String(keep))]),
      command(place, 'prune', '--instant-delete', '--max-repack', 'unlimited'),
    ],
  };
}
