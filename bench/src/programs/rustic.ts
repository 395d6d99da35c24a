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
    settings: 'defaults',
    init: (place) => [command(place, 'init')],
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, { source, target }) => command(place, 'restore', `latest:${source}`, target),
    restored: (_source, target) => target,
    check: (place) => command(place, 'check', '--read-data'),
  };
}
