import type { IncomingMessage } from 'node:http';
import { HoldfastError } from '@holdfast/core';
import type { Grant } from '@holdfast/protocol';
import type { Connection } from '@holdfast/wire';
import type { Session, Sessions } from './session.ts';
import type { Trust } from './trust.ts';

/** Where a request came in: a connection, and for data channels the session that it belongs to. */
export interface Carrier {
  readonly connection: Connection;
  readonly session: Session | undefined;
}

/** Who asks for something in a repository, and with which right. */
export interface Caller {
  readonly grant: Grant;
  readonly session: Session | undefined;
}

/** The grant as `Authorization: Bearer`, or as the password of Basic, which is all that restic can send. */
function presentedGrant(authorization: string | undefined): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization ?? '') ?? [];
  if (credentials === undefined) return undefined;
  if (scheme?.toLowerCase() === 'bearer') return credentials;
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const password = text.slice(colon + 1);
  return colon < 0 || password === '' ? undefined : password;
}

/**
 * Verifies the caller of a repository: signature, time and certificate of the grant, that the repository is the grant's, and
 * that its session is open. Throws `auth.required`, `grant.invalid`, `grant.session`, `grant.expired`, `auth.forbidden`.
 */
export async function identifyCaller(
  req: IncomingMessage,
  carrier: Carrier,
  context: { trust: Trust; sessions: Sessions; repository: { tenant: string; repository: string } | undefined },
): Promise<Caller> {
  const { connection } = carrier;
  if (connection.peer?.role === 'server')
    throw new HoldfastError('auth.forbidden', { message: 'The backup server never opens a repository.' });
  const token = presentedGrant(req.headers.authorization);
  if (token === undefined)
    throw new HoldfastError('auth.required', {
      message: 'A repository needs a grant.',
      guidance: 'Send it as bearer token, or as the password of any user name.',
    });
  const grant = await context.trust.verify(token, connection.peer?.fingerprint);
  if (grant.fingerprint === undefined && connection.channel !== 'client-to-mover')
    throw new HoldfastError('grant.invalid', {
      message: 'A grant without a certificate is good for clients that have none, and only on 6162.',
    });
  const wanted = context.repository;
  if (wanted && (grant.tenant !== wanted.tenant || grant.repository !== wanted.repository))
    throw new HoldfastError('grant.invalid', { message: 'The grant is for another repository.' });
  return { grant, session: sessionOf(grant, carrier, context.sessions) };
}

/** A grant of a job dies with its session; a data channel serves only its own session. */
function sessionOf(grant: Grant, carrier: Carrier, sessions: Sessions): Session | undefined {
  const named = grant.sessionId === undefined ? undefined : sessions.find(grant.sessionId);
  if (grant.sessionId !== undefined && !named) throw new HoldfastError('grant.session');
  const session = named ?? carrier.session;
  if (!session) return undefined;
  if (carrier.session && carrier.session !== session)
    throw new HoldfastError('grant.invalid', { message: 'The data channel belongs to another session.' });
  const fits =
    session.tenant === grant.tenant &&
    session.repository === grant.repository &&
    session.subject === grant.subject &&
    session.fingerprint === grant.fingerprint &&
    session.mode === grant.mode;
  if (!fits) throw new HoldfastError('grant.invalid', { message: 'The grant does not fit the session that it names.' });
  session.over.throwIfAborted();
  return session;
}
