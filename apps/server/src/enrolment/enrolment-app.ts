import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@holdfast/core';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  controlPath,
  enrolPath,
  hello,
  parseMessage,
  recoveryTokenPath,
  renewPath,
  reportPath,
  taskProtocol,
} from '@holdfast/protocol';
import type { Connection, PeerIdentity } from '@holdfast/wire';
import type { Logger } from 'pino';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { loadComputer, recordHello } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { Presence } from '../computers/presence.ts';
import { acceptUpgrade, createHttpApp, type HttpApp, refuseUpgrade, remoteAddressOf } from '../http-app.ts';
import type { RecoverySignIn } from '../identity/recovery-sign-in.ts';
import {
  maxEnrolmentBytes,
  maxEnrolmentsPerMinute,
  maxFailedEnrolmentsPerMinute,
  maxRenewalsPerMinute,
} from '../limits.ts';
import type { Enrolment } from './enrolment.ts';
import type { Revocations } from './revocations.ts';

interface Parts {
  readonly catalogue: Catalogue;
  readonly audit: AuditLog;
  readonly enrolment: Enrolment;
  readonly recovery: RecoverySignIn;
  readonly revocations: Revocations;
  readonly connections: AgentConnections;
  readonly presence: Presence;
  readonly movers: Movers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * What computers ask on 10005 and 10006. Without a certificate only `enrolPath` and, on 10005, `recoveryTokenPath` answer; renewal and the held connection need
 * the computer's own certificate, and a revoked one is refused at every request.
 */
export async function createEnrolmentApp(parts: Parts): Promise<HttpApp> {
  const { clock, logger } = parts;
  const attempts = new AttemptLimiter({ what: 'enrolments', limit: maxEnrolmentsPerMinute, clock });
  const failures = new AttemptLimiter({ what: 'refused enrolments', limit: maxFailedEnrolmentsPerMinute, clock });
  const renewals = new AttemptLimiter({ what: 'renewals', limit: maxRenewalsPerMinute, clock });

  const httpApp = createHttpApp({
    logger,
    bodyLimitBytes: maxEnrolmentBytes,
    onUpgrade: (req, stream, head) => {
      holdControl(parts, httpApp, { req, stream, head }).catch((error: unknown) => {
        logger.info({ error: toHoldfastError(error) }, 'control connection refused or lost');
        if (!stream.destroyed) refuseUpgrade(stream, error);
      });
    },
  });
  const { app, http } = httpApp;

  app.route({
    method: 'POST',
    url: enrolPath,
    handler: async (request) => {
      const address = remoteAddressOf(http, request.raw);
      attempts.check(address);
      failures.check(address);
      attempts.count(address);
      try {
        const { answer, enrolled } = await parts.enrolment.enrol(request.body, address);
        const actor = `${enrolled.role}/${enrolled.id}`;
        const action = enrolled.repeated ? 'enrol-repeated' : 'enrol';
        await parts.audit.write(enrolled.tenant, { actor, action, subject: enrolled.id, remoteAddress: address });
        await parts.presence.announce(enrolled.tenant, enrolled.id);
        logger.info({ computer: enrolled.id, role: enrolled.role, address }, 'computer enrolled');
        return answer;
      } catch (error) {
        failures.count(address);
        throw error;
      }
    },
  });

  app.route({
    method: 'POST',
    url: recoveryTokenPath,
    handler: async (request) => {
      const address = remoteAddressOf(http, request.raw);
      if (http.connectionOf(request.raw)?.channel !== 'recovery-media-token-sign-in')
        throw new HoldfastError('request.missing', { message: 'Recovery tokens are presented on 10005.' });
      attempts.check(address);
      attempts.count(address);
      return parts.recovery.withToken(request.body, { remoteAddress: address, requestId: request.id });
    },
  });
  app.route({
    method: 'POST',
    url: renewPath,
    handler: async (request) => {
      const peer = trustedPeer(parts, http.peerOf(request.raw));
      renewals.check(peer.id);
      renewals.count(peer.id);
      const answer = await parts.enrolment.renew(peer, request.body);
      logger.info({ computer: peer.id, role: peer.role }, 'certificate renewed');
      return answer;
    },
  });

  app.route({
    method: 'POST',
    url: reportPath,
    handler: async (request) => {
      const peer = trustedPeer(parts, http.peerOf(request.raw));
      const tenant = await parts.catalogue.tenantOfCertificate(peer.serial);
      if (tenant === undefined) throw new HoldfastError('channel.identity');
      const scope = parts.catalogue.tenant(tenant);
      await recordHello(scope, peer.id, parseMessage(hello, request.body, 'The report'));
      // It listens now, so it is told whom to believe, and known to be there. If that fails the next contact tells. What was
      // installed beforehand is never dialled: no firewall is open for that.
      const computer = await loadComputer(scope, peer.id);
      if (computer.role === 'mover' && computer.preinstalled === 0) {
        parts.movers.trust(tenant, computer).catch((error: unknown) => {
          logger.warn({ mover: peer.id, error: toHoldfastError(error) }, 'mover that reported can not be reached');
        });
      }
      return {};
    },
  });

  await app.ready();
  return httpApp;
}

/** A peer with a certificate that is not revoked; the signature was checked when it connected. */
function trustedPeer(parts: Parts, peer: PeerIdentity | undefined): PeerIdentity {
  if (!peer) {
    throw new HoldfastError('auth.required', {
      message: 'This needs the certificate of an enrolled computer.',
      guidance: 'Enrol the computer first: `holdfast enroll`.',
    });
  }
  if (parts.revocations.isRevoked(peer.serial)) throw new HoldfastError('channel.revoked');
  if (peer.role !== 'agent' && peer.role !== 'mover') throw new HoldfastError('channel.identity');
  return peer;
}

async function holdControl(
  parts: Parts,
  { http }: HttpApp,
  o: { req: IncomingMessage; stream: Duplex; head: Buffer },
): Promise<void> {
  const { req, stream } = o;
  if (req.url !== controlPath || req.headers.upgrade !== taskProtocol) {
    throw new HoldfastError('request.missing', { message: `Only ${controlPath} is upgraded, to ${taskProtocol}.` });
  }
  const identity = trustedPeer(parts, http.peerOf(req));
  if (identity.role !== 'agent') {
    throw new HoldfastError('channel.identity', { message: 'Only agents hold a control connection.' });
  }
  const tenant = await parts.catalogue.tenantOfCertificate(identity.serial);
  const connection: Connection | undefined = http.connectionOf(req);
  if (tenant === undefined || !connection) throw new HoldfastError('channel.identity');
  acceptUpgrade(stream, o.head, taskProtocol);
  try {
    const { channel, remoteAddress: address, localPort: port } = connection;
    await parts.connections.hold({ stream, tenant, identity, channel, place: { direction: 'in', address, port } });
  } catch (error) {
    // The stream speaks frames by now: a refusal in HTTP would only confuse the other end.
    stream.destroy();
    throw error;
  }
}
