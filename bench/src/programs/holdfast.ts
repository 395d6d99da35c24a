import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';

const cli = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.ts');

/** This project's stand-alone commands, with the Node that runs the benchmark. */
export function holdfast(version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file: process.execPath,
    args: [cli, ...args, '--repo', place.repository, '--password-file', place.passwordFile, '--quiet'],
    env: baseEnvironment(place),
  });
  return {
    name: 'holdfast',
    version,
    settings: 'defaults',
    init: (place) => [command(place, 'repo', 'init')],
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, { target }) => command(place, 'restore', 'latest', '--target', target),
    restored: (source, target) => join(target, source),
    check: (place) => command(place, 'check', '--read-data'),
  };
}
