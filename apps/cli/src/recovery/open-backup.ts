import { isIPv6 } from 'node:net';
import type { RecoveryGrant } from '@holdfast/protocol';
import { openRepository, type Repository } from '@holdfast/repository';
import { basicCredentials, openRest } from '@holdfast/storage';
import { httpClient } from '@holdfast/wire';
import type { Work } from '../work.ts';
import type { Recovery } from './begin-recovery.ts';

/** Requests to the mover at once: what restic uses. */
const restConnections = 5;

/** Opens a repository for a recovery: with its certificate, along its own channel, and a grant to read. Closed with the work. */
export async function openBackup(
  { client, wire }: Recovery,
  o: { readonly repositoryId: string } & Pick<Work, 'resources' | 'signal'>,
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
  return openRepository(target, { password: async () => access.password, signal: o.signal });
}

function basePathOf({ tenant, repository }: RecoveryGrant): string {
  return `/${tenant}/${repository}/`;
}

/** As restic takes it. */
export function addressOf(access: RecoveryGrant): string {
  const { host, port } = access.mover;
  return `rest:https://${isIPv6(host) ? `[${host}]` : host}:${port}${basePathOf(access)}`;
}
