import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  ContentsSink,
  type GrantIssuer,
  limits,
  parseMessage,
  type RecoveryGrant,
  recoveryBackups,
  recoveryBackupsPath,
  recoveryBackupsQuery,
  recoveryContentsPath,
  recoveryContentsQuery,
  recoveryCredentialsPath,
  recoveryGrantRequest,
  recoveryGrantsPath,
} from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readPage } from '../catalogue/page.ts';
import { loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { createHttpApp, type HttpApp, remoteAddressOf } from '../http-app.ts';
import { readJson } from '../json-column.ts';
import { maxEnrolmentBytes, maxRecoveryRequestsPerMinute } from '../limits.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { forRequest } from '../present-request.ts';
import { loadRepository, passwordOf } from '../repositories.ts';
import { ByteStream, ByteStreams } from '../rest/byte-stream.ts';
import type { Vault } from '../vault.ts';
import { mayRecover, type RecoveryAccesses, type RecoveryAccessRow } from './recovery-accesses.ts';
import { checkRepository, isRecoverable, recoverableSnapshots, scopeOf } from './recovery-scope.ts';
import type { RecoverySignIn } from './recovery-sign-in.ts';

/** 10001: nothing but signing in with an account, for a recovery. */
export async function createSignInApp(o: { signIn: RecoverySignIn; logger: Logger }): Promise<HttpApp> {
  const httpApp = createHttpApp({ logger: o.logger, bodyLimitBytes: maxEnrolmentBytes });
  const { app, http } = httpApp;
  app.post(recoveryCredentialsPath, (request, reply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new HoldfastError('run.cancelled', { message: 'The client has gone.' })));
    return o.signIn.withCredentials(request.body, {
      ...{ remoteAddress: remoteAddressOf(http, request.raw), requestId: request.id, signal: gone.signal },
    });
  });
  await app.ready();
  return httpApp;
}

/** What the identity service on 443 has for those who come with a certificate: so far for recoveries. */
export async function createIdentityApp(o: {
  accesses: RecoveryAccesses;
  movers: Movers;
  grants: GrantIssuer;
  queries: Pick<RepositoryQueries, 'read'>;
  vault: Vault;
  audit: AuditLog;
  clock: Clock;
  logger: Logger;
}): Promise<HttpApp> {
  const { clock, logger } = o;
  const httpApp = createHttpApp({ logger, bodyLimitBytes: limits.maxJsonBytes });
  const { app, http } = httpApp;
  const streams = new ByteStreams();
  const requests = new AttemptLimiter({ what: 'requests', limit: maxRecoveryRequestsPerMinute, clock });

  /** Asked at every request: what was revoked counts at once. */
  async function accessOf(request: FastifyRequest): Promise<{ scope: TenantScope; row: RecoveryAccessRow }> {
    const peer = http.peerOf(request.raw);
    if (peer?.role !== 'recovery') throw new HoldfastError('auth.required');
    const access = await o.accesses.ofCertificate(peer.serial);
    requests.check(access.row.id);
    requests.count(access.row.id);
    const { accountId } = access.row;
    if (accountId !== null && !(await mayRecover(access.scope, accountId))) throw new HoldfastError('channel.revoked');
    return access;
  }

  app.get(recoveryBackupsPath, async (request) => {
    const { scope, row } = await accessOf(request);
    const query = parseMessage(recoveryBackupsQuery, request.query, 'The query');
    return pageOfBackups(scope, { row, ...query });
  });

  app.post(recoveryGrantsPath, async (request): Promise<RecoveryGrant> => {
    const { scope, row } = await accessOf(request);
    const { repositoryId } = parseMessage(recoveryGrantRequest, request.body, 'The request for a grant');
    const entry = {
      ...{ actor: `recovery/${row.id}`, action: 'recoveryGrant', subject: repositoryId },
      ...{ remoteAddress: remoteAddressOf(http, request.raw), requestId: request.id },
    };
    try {
      await checkRepository(scope, scopeOf(row.scopeJson), repositoryId);
      const repository = await loadRepository(scope, repositoryId);
      const mover = await loadUsableComputer(scope, repository.moverId, 'mover');
      // The mover may not have heard yet of what was revoked.
      await o.movers.trust(scope.tenant, mover).catch((error: unknown) => {
        logger.info({ mover: mover.id, error: toHoldfastError(error) }, 'mover of a recovery was not reached');
      });
      const lifetimeMs = new Date(row.expiresAt).getTime() - clock.now().getTime();
      const grant = await o.grants.issue({
        ...{ subject: `recovery/${row.id}`, tenant: scope.tenant, repository: repository.name, mode: 'read' },
        ...{ sessionId: undefined, fingerprint: row.fingerprint, lifetimeMs },
      });
      await o.audit.write(scope.tenant, entry);
      const password = passwordOf(repository, o.vault);
      return {
        ...{ grant, tenant: scope.tenant, repository: repository.name, expiresAt: row.expiresAt },
        mover: { id: mover.id, host: mover.address, port: portOf(mover, 'recovery-media-to-mover') },
        ...(password === undefined ? {} : { password }),
      };
    } catch (error) {
      const { code } = toHoldfastError(error);
      if (code.startsWith('auth.'))
        await o.audit.writeRefusal(scope.tenant, { ...entry, outcome: 'refused', details: { code } });
      throw error;
    }
  });

  app.get(recoveryContentsPath, async (request, reply) => {
    const { scope, row } = await accessOf(request);
    const asked = parseMessage(recoveryContentsQuery, request.query, 'The query');
    const { repositoryId, ...what } = asked;
    const actor = `recovery/${row.id}`;
    const entry = {
      ...{ actor, action: 'recoveryContents', subject: repositoryId, details: what },
      ...{ remoteAddress: remoteAddressOf(http, request.raw), requestId: request.id },
    };
    if (!(await isRecoverable(scope, scopeOf(row.scopeJson), asked))) {
      const details = { ...what, code: 'auth.forbidden' };
      await o.audit.writeRefusal(scope.tenant, { ...entry, outcome: 'refused', details });
      throw new HoldfastError('auth.forbidden', { message: 'That backup is none of those that this recovery is for.' });
    }
    using _place = streams.take(reply.raw, { actor });
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new HoldfastError('run.cancelled', { message: 'The client has gone.' })));
    const stream = new ByteStream(reply.raw);
    const sink = new ContentsSink(stream, { isPart: false, archive: what.archive });
    // Before a byte goes out.
    await o.audit.write(scope.tenant, entry);
    const reading = { what: 'contents', ...what, from: 0 } as const;
    try {
      await forRequest(request.id, () =>
        o.queries.read(scope, { repositoryId, reading, signal: gone.signal, sink: sink.take.bind(sink) }),
      );
      stream.end('application/octet-stream');
    } catch (error) {
      if (!stream.hasBegun) throw error;
      stream.cut();
      logger.info({ request: request.id, error: toHoldfastError(error) }, 'download of a recovery cut off');
    }
    reply.hijack();
  });

  await app.ready();
  return httpApp;
}

async function pageOfBackups(
  scope: TenantScope,
  o: { row: RecoveryAccessRow; limit: number; after?: string | undefined },
): Promise<z.input<typeof recoveryBackups>> {
  const rows = recoverableSnapshots(scope, scopeOf(o.row.scopeJson)).selectAll();
  const order = { takenAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(rows, { ...o, order, newestFirst: true, view: (row) => row });
  const repositories = await scope.query
    .selectFrom('repositories')
    .select(['id', 'name'])
    .where('id', 'in', [...new Set(['', ...items.map(({ repositoryId }) => repositoryId)])])
    .execute();
  const names = new Map(repositories.map(({ id, name }) => [id, name]));
  const snapshots = items.map(({ id, repositoryId, hostname, takenAt, totalFiles, totalBytes, sourcesJson }) => ({
    ...{ id, repositoryId, hostname, takenAt, totalFiles, totalBytes, repository: names.get(repositoryId) ?? '' },
    sources: readJson(z.array(z.string()), sourcesJson, 'snapshots.sourcesJson'),
  }));
  return { snapshots, ...rest };
}
