import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';

export function restic(file: string, version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file,
    args: ['--repo', place.repository, '--password-file', place.passwordFile, '--quiet', ...args],
    env: baseEnvironment(place),
  });
  return {
    name: 'restic',
    version,
    settings: 'defaults',
    init: (place) => [command(place, 'init')],
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, { target }) => command(place, 'restore', 'latest', '--target', target),
    restored: (source, target) => join(target, source),
    check: (place) => command(place, 'check', '--read-data'),
  };
}
