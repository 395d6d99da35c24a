import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';
import { serveMover } from './mover-service.ts';
import { cliFile } from './running-holdfast.ts';

/** This project's stand-alone commands, with the Node that runs the benchmark. */
export function holdfast(version: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file: process.execPath,
    args: [cliFile, ...args, ...repositoryOptions(place), '--quiet'],
    env: baseEnvironment(place),
  });
  return {
    name: 'holdfast',
    version,
    settings: 'defaults',
    format: 'restic',
    init: (place) => [command(place, 'repo', 'init')],
    backup: (place, source) => command(place, 'backup', source),
    restore: (place, { source, part, target }) =>
      command(
        place,
        ...['restore', 'latest', '--target', target],
        ...(part === undefined ? [] : ['--include', join(source, part)]),
      ),
    restored: ({ source, part, target }) => join(target, source, part ?? ''),
    check: (place) => command(place, 'check', '--read-data'),
    prune: (place, keep) => [
      ...(keep === undefined ? [] : [command(place, 'forget', '--keep-last', String(keep))]),
      command(place, 'prune'),
    ],
    serve: serveMover,
  };
}

function repositoryOptions({ repository, passwordFile, remote }: Place): readonly string[] {
  // The mover's repository has a password of its own, which is in the environment like the grant.
  return remote
    ? ['--repo', remote.address, '--cacert', remote.caFile]
    : ['--repo', repository, '--password-file', passwordFile];
}
