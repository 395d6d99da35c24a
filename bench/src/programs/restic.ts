import { join } from 'node:path';
import type { Command } from '../measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './backup-program.ts';
import { serveRestServer } from './rest-service.ts';

/** `restServer` is the file of restic's own REST server, if there is one. */
export function restic(file: string, version: string, restServer?: string): BackupProgram {
  const command = (place: Place, ...args: readonly string[]): Command => ({
    file,
    args: [
      ...['--repo', place.remote?.address ?? place.repository, '--password-file', place.passwordFile, '--quiet'],
      ...(place.remote ? ['--cacert', place.remote.caFile] : []),
      ...args,
    ],
    env: baseEnvironment(place),
  });
  return {
    name: 'restic',
    version,
    settings: 'defaults',
    format: 'restic',
    init: (place) => [command(place, 'init')],
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
    ...(restServer === undefined ? {} : { serve: (folder, signal) => serveRestServer(restServer, folder, signal) }),
  };
}
