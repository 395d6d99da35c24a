import { isIPv6 } from 'node:net';
import type { RecoveryGrant } from '@holdfast/protocol';
import { openRepository, type Repository } from '@holdfast/repository';
import { basicCredentials, openRest } from '@holdfast/storage';
import { httpClient } from '@holdfast/wire';
import { askSecret } from '../managed/ask.ts';
import type { Work } from '../work.ts';
import type { Recovery } from './begin-recovery.ts';

/** Requests to the mover at once: what restic uses. */
const restConnections = 5;

/**
 * The password of the repository: with the grant, or in the zero-knowledge mode from the person, as it is or as the words of the
 * recovery phrase. That one is used in this process alone.
 */
export async function passwordFor(
  { password, repository }: Pick<RecoveryGrant, 'password' | 'repository'>,
  o: { readonly repositoryPasswordFile?: string; readonly signal: AbortSignal },
): Promise<string> {
  if (password !== undefined) return password;
  const typed = await askSecret({
    question: `Recovery phrase or password of ${repository}: `,
    file: o.repositoryPasswordFile,
    option: '--repository-password-file',
    signal: o.signal,
  });
  const { ownPasswordOf } = await import('@holdfast/protocol/recovery-kit');
  return ownPasswordOf(typed);
}

/** Opens a repository for a recovery: with its certificate, along its own channel, and a grant to read. Closed with the work. */
export async function openBackup(
  { client, wire }: Recovery,
  o: { readonly repositoryId: string; readonly repositoryPasswordFile?: string } & Pick<Work, 'resources' | 'signal'>,
): Promise<Repository> {
  const access = await client.grant(o.repositoryId, o.signal);
  const { mover, grant } = access;
  const http = httpClient({
    connections: restConnections,
    connect: (signal) =>
      wire.dial('recovery-media-to-mover', mover.host, { port: mover.port, peerId: mover.id, signal }),
  });
  const target = await openRest({
    ...{ client: http, basePath: basePathOf(access), location: addressOf(access), create: false },
    ...{ credentials: basicCredentials({ user: 'recovery', password: grant }) },
    ...{ maxParallelRequests: restConnections, signal: o.signal },
  });
  o.resources.use(target);
  return openRepository(target, { password: () => passwordFor(access, o), signal: o.signal });
}

function basePathOf({ tenant, repository }: RecoveryGrant): string {
  return `/${tenant}/${repository}/`;
}

/** As restic takes it. */
export function addressOf(access: RecoveryGrant): string {
  const { host, port } = access.mover;
  return `rest:https://${isIPv6(host) ? `[${host}]` : host}:${port}${basePathOf(access)}`;
}
