import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, errorTable, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  type PanelMethod,
  pageRequestHeader,
  pageRequests,
  panelApiPrefix,
  panelDownloadPrefix,
  panelKeyHeader,
  panelMethods,
  parseJsonText,
  parseMessage,
  problemOf,
  problemType,
} from '@holdfast/protocol';
import { createHttpServer, requestBody, securityHeaders, takeRest, type Wire } from '@holdfast/wire';
import { builtPagesFolder, PageFiles } from '@holdfast/wire/pages';
import type { Logger } from 'pino';
import { z } from 'zod';
import { maxPanelLinkBytes, maxPanelRequestBytes, panelRest } from '../limits.ts';
import type { PanelHandlers } from './panel-handlers.ts';
import { panelOrigin, removePanelKey, savePanelKey } from './panel-link.ts';
import { sendContents, sendLines } from './panel-readings.ts';
import { PanelSessions } from './panel-sessions.ts';
import { PanelTickets } from './panel-tickets.ts';

export interface Panel extends AsyncDisposable {
  readonly port: number;
  /** Why it is not the first of the contract's ports. */
  readonly reason: string | undefined;
}

/**
 * The control panel of this computer: a page for browsers on it, on the loopback interface. Who may use it is told by a link that only
 * who can read the data directory can make; every request has to show that it comes from the page itself, under the one name that it
 * has, so that neither another site nor a name that was turned to this address (DNS rebinding) gets anything done. Throws as
 * `Wire.listen` does where no port is free.
 */
export async function openPanel(o: {
  readonly wire: Wire;
  readonly dataDir: string;
  readonly handlers: PanelHandlers;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<Panel> {
  const { wire, dataDir, clock, log } = o;
  await using resources = new AsyncDisposableStack();
  const sessions = new PanelSessions({ clock });
  const tickets = new PanelTickets({ clock });
  const files = new PageFiles({
    folder: builtPagesFolder,
    index: 'panel.html',
    clock,
    onFailure: (error) => log.warn({ error }, 'the control panel was not read'),
  });
  let port = 0;
  const http = resources.use(
    createHttpServer({
      handler: (req, res) =>
        void answer(req, res, { sessions, tickets, files, handlers: o.handlers, port, log }).catch((error: unknown) =>
          refuse(req, res, { error: toHoldfastError(error), log }),
        ),
    }),
  );
  const listener = resources.use(await wire.listen('agent-control-panel', { onConnection: http.feed }));
  ({ port } = listener);
  resources.defer(() => removePanelKey(dataDir));
  await savePanelKey(dataDir, { port, key: sessions.linkKey });
  const live = resources.move();
  return { port, reason: listener.reason, [Symbol.asyncDispose]: () => live.disposeAsync() };
}

interface Context {
  readonly sessions: PanelSessions;
  readonly tickets: PanelTickets;
  readonly files: PageFiles;
  readonly handlers: PanelHandlers;
  readonly port: number;
  readonly log: Logger;
}

/** What changes nothing, and is asked for again and again. */
const reading: ReadonlySet<PanelMethod> = new Set(['state', 'snapshots', 'entries']);

async function answer(req: IncomingMessage, res: ServerResponse, context: Context): Promise<void> {
  if (`http://${req.headers.host ?? ''}` !== panelOrigin(context.port)) throw foreign();
  const [path = ''] = (req.url ?? '').split('?', 1);
  if (path.startsWith(panelApiPrefix)) {
    await answerApi(req, res, { ...context, name: path.slice(panelApiPrefix.length) });
    return;
  }
  if (req.method === 'GET' && path.startsWith(panelDownloadPrefix)) {
    await answerDownload(req, res, { ...context, ticket: path.slice(panelDownloadPrefix.length) });
    return;
  }
  const page = req.method === 'GET' ? await context.files.answer(path, req.headers) : undefined;
  if (!page) throw new HoldfastError('request.missing', { message: 'The control panel has no such page.' });
  res.writeHead(page.status, { ...page.headers, 'content-length': Buffer.byteLength(page.body) }).end(page.body);
}

async function answerDownload(
  req: IncomingMessage,
  res: ServerResponse,
  { sessions, tickets, handlers, port, ticket }: Context & { readonly ticket: string },
): Promise<void> {
  if ((req.headers['sec-fetch-site'] ?? 'same-origin') !== 'same-origin') throw foreign();
  const cookie = cookieOf(req, port);
  const what = tickets.take(ticket, cookie);
  if (!sessions.knows(cookie)) throw new HoldfastError('auth.required');
  const gone = whenGone(res);
  await sendContents(res, handlers.fetch(what, gone.signal), gone);
}

/** Aborts when the browser no longer waits for the answer. */
function whenGone(res: ServerResponse): AbortController {
  const gone = new AbortController();
  res.once('close', () => gone.abort(new HoldfastError('run.cancelled', { message: 'The page has gone.' })));
  return gone;
}

async function answerApi(
  req: IncomingMessage,
  res: ServerResponse,
  { sessions, tickets, handlers, port, log, name }: Context & { readonly name: string },
): Promise<void> {
  const byPerson = requireOwnPage(req, port) === 'person';
  const cookie = cookieOf(req, port);
  const isSignIn = name === 'sign-in';
  const key = String(req.headers[panelKeyHeader] ?? '');
  if (!isSignIn && !sessions.admits({ cookie, key, byPerson }))
    throw new HoldfastError('auth.required', { guidance: 'Run `holdfast panel` on this computer, and open its link.' });
  if (!isMethod(name))
    throw new HoldfastError('request.missing', { message: 'The control panel can do no such thing.' });
  const bytes = await requestBody(req, { maxBytes: isSignIn ? maxPanelLinkBytes : maxPanelRequestBytes });
  const body = parseJsonText(bytes.toString('utf8'), 'The request');
  const gone = whenGone(res);

  if (name === 'read') {
    const params = parseMessage(panelMethods[name].params, body, 'The request');
    return sendLines(res, handlers.read(params, gone.signal), gone);
  }
  const headers: Record<string, string> = {};
  let result: unknown = {};
  let params: unknown;
  if (name === 'sign-in') {
    const session = sessions.signIn(parseMessage(panelMethods[name].params, body, 'The request').link);
    headers['set-cookie'] = `${cookieName(port)}=${session.cookie}; ${cookieAttributes}`;
    result = { key: session.key };
  } else if (name === 'sign-out') {
    sessions.signOut(cookie);
    headers['set-cookie'] = `${cookieName(port)}=; ${cookieAttributes}; Max-Age=0`;
  } else if (name === 'download') {
    const what = parseMessage(panelMethods[name].params, body, 'The request');
    params = what;
    result = { address: `${panelDownloadPrefix}${tickets.give(cookie, what)}` };
  } else {
    params = parseMessage(panelMethods[name].params, body, 'The request');
    const handler = handlers[name] as (given: unknown, signal: AbortSignal) => Promise<unknown>;
    result = await handler(params, gone.signal);
  }
  if (!reading.has(name)) log.info({ method: name, ...toldOf(params) }, 'asked for in the control panel');
  const text = JSON.stringify(result);
  res
    .writeHead(200, {
      ...securityHeaders,
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

/** What of a request says which policy, which backup and where to; the choice of files could be long. */
const told = z.object({
  policyId: z.string().optional(),
  taskId: z.string().optional(),
  snapshotId: z.string().optional(),
  target: z.string().optional(),
  overwrite: z.string().optional(),
  dryRun: z.boolean().optional(),
});

function toldOf(params: unknown): z.infer<typeof told> {
  return params === undefined ? {} : told.parse(params);
}

function isMethod(name: string): name is PanelMethod {
  return Object.hasOwn(panelMethods, name);
}

/**
 * Every call is a POST, of which browsers always say the origin, with a header that another site's page can't give. Throws
 * `auth.origin`.
 */
function requireOwnPage({ method, headers }: IncomingMessage, port: number): (typeof pageRequests)[number] {
  const by = pageRequests.find((each) => each === headers[pageRequestHeader]);
  const site = headers['sec-fetch-site'] ?? 'same-origin';
  const isOwn = headers.origin === panelOrigin(port) && site === 'same-origin';
  if (method !== 'POST' || !isOwn || by === undefined || headers['content-type'] !== 'application/json')
    throw foreign();
  return by;
}

function foreign(): HoldfastError {
  return new HoldfastError('auth.origin', {
    message: 'The request did not come from the page of this control panel.',
    guidance: 'Open the link that `holdfast panel` prints, as it is.',
  });
}

/** Strict: no other site's page or link gets it along. It ends with the browser. */
const cookieAttributes = 'Path=/; HttpOnly; SameSite=Strict';

/** With the port: another panel on this computer, or at the other end of a tunnel, has a cookie of its own. */
function cookieName(port: number): string {
  return `holdfast-panel-${port}`;
}

function cookieOf({ headers }: IncomingMessage, port: number): string {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name = '', value = ''] = pair.trim().split('=', 2);
    if (name === cookieName(port)) return value;
  }
  return '';
}

async function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  { error, log }: { readonly error: HoldfastError; readonly log: Logger },
): Promise<void> {
  log.debug({ method: req.method, code: error.code }, 'the control panel refused a request');
  await takeRest(req, res, panelRest);
  if (res.headersSent || res.destroyed) return void req.socket.destroy();
  const status = errorTable[error.code].http;
  if (status >= 500) log.error({ error }, 'a request of the control panel failed');
  const known = error.code === 'internal.unexpected' ? new HoldfastError('internal.unexpected') : error;
  const text = JSON.stringify(problemOf(known));
  res
    .writeHead(status, {
      ...securityHeaders,
      'content-type': problemType,
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}
