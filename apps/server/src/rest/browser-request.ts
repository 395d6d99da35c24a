import { HoldfastError } from '@holdfast/core';
import { type PageRequest, pageRequestHeader, pageRequests, type Route, sessionCookieName } from '@holdfast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The cookie of a browser's session, as a handler may change it. */
export interface SessionCookie {
  /** The token that came; undefined where the request is by a bearer token, or by nobody. */
  readonly present: string | undefined;
  give(token: string): void;
  take(): void;
}

/** Of a request that no browser made. */
export const noCookie: SessionCookie = {
  present: undefined,
  give: () => {
    throw new HoldfastError('internal.unexpected', { message: 'There is no browser that would keep a cookie.' });
  },
  take: () => undefined,
};

/** Strict: no other site's page or link gets it along. It ends with the browser, and before that where the catalogue says so. */
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict';

export function cookieOf(request: FastifyRequest, reply: FastifyReply): SessionCookie {
  const set = (value: string): void => void reply.header('set-cookie', `${sessionCookieName}=${value}; ${attributes}`);
  return {
    present: sessionTokenOf(request),
    give: set,
    take: () => set('; Max-Age=0'),
  };
}

/** Nothing where the request has a token of its own: that one counts. */
function sessionTokenOf({ headers }: FastifyRequest): string | undefined {
  if (headers.authorization !== undefined) return undefined;
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name = '', value = ''] = pair.trim().split('=', 2);
    if (name === sessionCookieName && /^[!-~]{1,200}$/.test(value)) return value;
  }
  return undefined;
}

/**
 * A browser sends the cookie along with requests that another page made it do, so each request by cookie has to show that a page of ours
 * made it: by what browsers say of it (Fetch Metadata, or `Origin` where they are older), and by a header that other sites can't
 * give. A download has no such header, because following a link can't have one: it is a GET that changes nothing, its answer is read
 * by nobody but the person who saves it, and the browser says that a page of ours has the link. Throws `auth.origin`.
 */
export function checkOwnPage(
  { headers }: FastifyRequest,
  o: { publicOrigin: string; route?: Route | undefined },
): PageRequest {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const isOurOrigin = origin === `https://${headers.host ?? ''}` || origin === o.publicOrigin;
  if (origin !== undefined && !isOurOrigin) throw foreign();
  // One that says neither may be anything.
  if (site === undefined ? origin === undefined : site !== 'same-origin') throw foreign();
  const by = pageRequests.find((each) => each === headers[pageRequestHeader]);
  if (by !== undefined) return by;
  if (o.route?.method === 'GET' && o.route.bytes !== undefined && site !== undefined) return 'person';
  throw foreign();
}

function foreign(): HoldfastError {
  return new HoldfastError('auth.origin');
}
