import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { type AuditRecord, parseMessage, type Route, type Routes, routes } from '@holdfast/protocol';
import { entityTag, namesTag } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { AuditEntry, AuditIntent, AuditLog } from '../audit/audit-log.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { Caller } from '../people/caller.ts';
import { forRequest } from '../present-request.ts';
import { noCookie, type SessionCookie } from './browser-request.ts';
import type { ByteStream } from './byte-stream.ts';
import type { EventStream } from './event-stream.ts';

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** A request whose caller may make it, and that has the form of its route. */
export interface RestRequest<R extends Route> {
  /** The caller's tenant, confined to the caller's groups: what is of others is not there. */
  readonly scope: TenantScope;
  readonly caller: Caller;
  readonly remoteAddress: string;
  readonly requestId: string;
  readonly params: Output<R['params']>;
  readonly query: Output<R['query']>;
  readonly body: Output<R['body']>;
  /** Of a browser. */
  readonly cookie: SessionCookie;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** The `Range` header. */
  readonly range: string | undefined;
  /**
   * Of a route that is marked `guarded`: call it with the present answer of the GET route before anything is changed.
   * Throws `request.changed` when the caller has seen another.
   */
  requireUnchanged(present: unknown): void;
  /** What the audit's record is to say besides, or instead. */
  note(facts: Partial<Pick<AuditEntry, 'actor' | 'subject' | 'details'>>): void;
  /**
   * Of a route that is marked `approval: 'conditional'`: call it before anything is changed, when this request is one that a
   * second administrator has to agree to. Returns if nobody has to, or somebody has.
   */
  requireApproval(): Promise<void>;
}

/** A stream's handler opens the stream after it has checked what it was asked for; until then it may still refuse. */
type RestHandler<R extends Route> = R['stream'] extends true
  ? (request: RestRequest<R>, open: () => EventStream) => Promise<void>
  : R['bytes'] extends string
    ? (request: RestRequest<R>, stream: ByteStream) => Promise<void>
    : (request: RestRequest<R>) => Promise<z.input<R['response']>>;

export type RestHandlers = { readonly [Name in keyof Routes]: RestHandler<Routes[Name]> };

/** Handlers by route, with the types that the route table proves taken away: what one loop over all of them can call. */
type AnyHandler = (request: unknown, answer?: (() => EventStream) | ByteStream) => Promise<unknown>;

/** A request as it came, and from whom. */
export interface Asked {
  readonly caller: Caller;
  readonly remoteAddress: string;
  readonly requestId: string;
  readonly params: unknown;
  readonly query: unknown;
  /** undefined: none came. */
  readonly body: unknown;
  /** `If-Match`: the entity tag that what is changed should still have. */
  readonly ifMatch?: string;
  readonly signal: AbortSignal;
  readonly cookie?: SessionCookie;
  readonly open?: () => EventStream;
  readonly range?: string;
  /** Of a route whose answer is bytes. */
  readonly bytes?: ByteStream;
  /** A second administrator has agreed. */
  readonly approval?: { readonly approval: string; readonly approvedBy: string };
}

/** What decides whether a second administrator has to agree, and keeps what waits for one. */
export interface ApprovalGate {
  isNeeded(tenant: string): Promise<boolean>;
  /** Gives what the 202 answer says. */
  keep(route: Route, asked: Asked, facts: { subject: string; shown: Record<string, unknown> }): Promise<unknown>;
}

export type RouteAnswer = { readonly status: 200 | 202; readonly body: unknown };

/** Thrown by `requireApproval` to leave the handler. */
class ApprovalNeeded extends Error {}

/** The one way to a handler: rights, form, second factor, approval and audit, for every route alike. */
export class RouteRunner {
  readonly #handlers: RestHandlers;
  readonly #catalogue: Catalogue;
  readonly #audit: AuditLog;
  readonly #gate: ApprovalGate;
  readonly #logger: Logger;

  constructor(o: {
    handlers: RestHandlers;
    catalogue: Catalogue;
    audit: AuditLog;
    gate: ApprovalGate;
    logger: Logger;
  }) {
    this.#handlers = o.handlers;
    this.#catalogue = o.catalogue;
    this.#audit = o.audit;
    this.#gate = o.gate;
    this.#logger = o.logger;
  }

  async run(route: Route, asked: Asked): Promise<RouteAnswer> {
    const { caller } = asked;
    const facts: { actor?: string; subject?: string; details?: Record<string, unknown> } = {};
    const record = (
      outcome: AuditRecord['outcome'],
      subject: string,
      details: Record<string, unknown>,
    ): AuditEntry => ({
      actor: facts.actor ?? caller.actor,
      action: route.id,
      subject: facts.subject ?? subject,
      outcome,
      remoteAddress: asked.remoteAddress,
      requestId: asked.requestId,
      details: {
        ...credentialOf(caller),
        ...keptOf(route, asked.body),
        ...facts.details,
        ...asked.approval,
        ...details,
      },
    });
    let intent: AuditIntent | undefined;
    let given: unknown;
    try {
      checkRights(route, asked);
      const parsed = parse(route, asked);
      const needApproval = async (): Promise<void> => {
        if (asked.approval || !(await this.#gate.isNeeded(caller.tenant))) return;
        // It would be done later, with the rights of an account, which a machine has not.
        if (caller.credential.kind === 'service-account')
          throw new HoldfastError('auth.forbidden', {
            message: 'A second administrator has to agree to that, and only a person can ask for it.',
          });
        throw new ApprovalNeeded();
      };
      if (route.approval === 'always') await needApproval();
      const request = {
        ...parsed,
        scope: this.#catalogue.tenant(caller.tenant, caller.groups),
        caller,
        remoteAddress: asked.remoteAddress,
        requestId: asked.requestId,
        cookie: asked.cookie ?? noCookie,
        signal: asked.signal,
        range: asked.range,
        requireUnchanged: (present: unknown) => {
          if (asked.ifMatch === undefined) return;
          const tag = entityTag(JSON.stringify(answerOf(shownBy(route), present)));
          if (!namesTag(asked.ifMatch, tag)) throw new HoldfastError('request.changed');
        },
        note: ({ details, ...given }: typeof facts) =>
          void Object.assign(facts, given, { details: { ...facts.details, ...details } }),
        requireApproval: async () => {
          if (route.approval !== 'conditional')
            throw new HoldfastError('internal.unexpected', { message: `${route.id} is not marked for approval.` });
          await needApproval();
        },
      };
      const handler = this.#handlers[route.id as keyof Routes] as unknown as AnyHandler;
      // Of those who have not signed in, only what they achieve: signing in.
      if (isAudited(route) && route.access !== 'public')
        intent = await this.#audit.begin(caller.tenant, record('unknown', idOf(asked.params) ?? '', {}));
      given = await forRequest(asked.requestId, () => handler(request, asked.bytes ?? asked.open));
    } catch (error) {
      const subject = facts.subject ?? idOf(asked.params) ?? '';
      if (error instanceof ApprovalNeeded) {
        // With what the handler found out: whoever agrees needs the name of an account, not only its id.
        const shown = {
          ...facts.details,
          ...shownOf(asked.params),
          ...shownOf(asked.query),
          ...keptOf(route, asked.body),
        };
        const body = await this.#gate.keep(route, asked, { subject, shown });
        const details = { approval: idOf(body) ?? '' };
        await this.#audit.write(caller.tenant, record('approval-asked', subject, details), intent);
        return { status: 202, body };
      }
      const { code } = toHoldfastError(error);
      const isRefusal = code.startsWith('auth.');
      const outcome = isRefusal ? 'refused' : code === 'database.unavailable' ? 'unknown' : 'failed';
      try {
        // What was asked in a wrong form was not tried; what was only looked for in vain changed nothing.
        if (isRefusal || (isAudited(route) && code !== 'request.invalid'))
          await this.#audit.writeRefusal(
            caller.tenant,
            record(outcome, subject, { code }),
            caller.credential.kind === 'none' ? 'anybody' : 'signed-in',
          );
        if (intent) await this.#audit.drop(intent);
      } catch (cause) {
        this.#logger.error({ error: toHoldfastError(cause) }, 'audit of a refusal');
      }
      throw error;
    }
    if (route.stream) return { status: 200, body: undefined };
    // First of all: it is done, whatever is wrong with the answer.
    if (isAudited(route)) {
      this.#logger.info(
        {
          request: asked.requestId,
          route: route.id,
          actor: caller.actor,
          subject: idOf(asked.params),
          made: idOf(given),
        },
        'request done',
      );
      await this.#audit.write(caller.tenant, record('done', idOf(asked.params) ?? idOf(given) ?? '', {}), intent);
    }
    if (route.bytes) return { status: 200, body: undefined };
    return { status: 200, body: answerOf(route, given) };
  }

  /** Records that the answer of an earlier request was given once more. */
  async recordRepetition(route: Route, { caller, params, body, remoteAddress, requestId }: Asked): Promise<void> {
    await this.#audit.write(caller.tenant, {
      ...{ actor: caller.actor, action: route.id, subject: idOf(params) ?? '', remoteAddress, requestId },
      details: { ...credentialOf(caller), ...keptOf(route, body), repeated: true },
    });
  }
}

/** What changes something, and what goes out of the backups. */
function isAudited({ method, bytes }: Route): boolean {
  return method !== 'GET' || bytes !== undefined;
}

/** Throws `auth.incomplete`, `auth.forbidden` and `auth.step-up`. */
export function checkRights(route: Route, { caller, approval }: Asked): void {
  if (route.access === 'public') return;
  if (caller.due && route.access !== 'account.manage')
    throw new HoldfastError('auth.incomplete', {
      message:
        caller.due === 'password'
          ? 'The password was chosen by somebody else: it has to be changed first.'
          : 'Accounts of this role need a second factor: it has to be set up first.',
    });
  if (!caller.permissions.has(route.access)) throw new HoldfastError('auth.forbidden');
  // It was fresh when it was asked for.
  if (!route.stepUp || approval || caller.stepUp === 'none-set' || caller.stepUp === 'fresh') return;
  throw new HoldfastError('auth.step-up');
}

function parse(route: Route, asked: Asked): { params: unknown; query: unknown; body: unknown } {
  if (route.body === undefined && asked.body !== undefined)
    throw new HoldfastError('request.invalid', { message: `${route.method} ${route.path} takes no body.` });
  // What is left out of a body is as it is by default: without one, a PUT would set everything back.
  if (route.body !== undefined && route.method === 'PUT' && asked.body === undefined)
    throw new HoldfastError('request.invalid', { message: `${route.method} ${route.path} needs a body.` });
  if (!route.guarded && asked.ifMatch !== undefined)
    throw new HoldfastError('request.invalid', { message: `${route.method} ${route.path} takes no If-Match.` });
  return {
    params: parseMessage(route.params, asked.params, 'The path'),
    query: parseMessage(route.query, asked.query, 'The query'),
    body:
      route.body === undefined
        ? undefined
        : parseMessage(route.body, asked.body === undefined ? {} : asked.body, 'The body'),
  };
}

/** A wrong answer is our mistake, and not the caller's. */
function answerOf(route: Route, given: unknown): unknown {
  const parsed = route.response.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new HoldfastError('internal.unexpected', {
    message: `The answer of ${route.id} is not what its description says.`,
    cause: parsed.error,
  });
}

/** The GET route of what a guarded route changes. */
function shownBy(route: Route): Route {
  const shown = Object.values<Route>(routes).find(({ method, path }) => method === 'GET' && path === route.path);
  if (shown) return shown;
  throw new HoldfastError('internal.unexpected', { message: `Nothing shows what ${route.id} changes.` });
}

function credentialOf({ credential }: Caller): Record<string, unknown> {
  if (!('id' in credential)) return {};
  if (credential.kind === 'service-account') return { certificate: credential.presented.fingerprint };
  return { [credential.kind === 'session' ? 'session' : 'apiToken']: credential.id };
}

function keptOf(route: Route, body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {};
  return Object.fromEntries(Object.entries(body).filter(([name]) => route.audited.includes(name)));
}

function shownOf(part: unknown): Record<string, unknown> {
  return typeof part === 'object' && part !== null ? { ...part } : {};
}

/** What a change was made to: what the path names, else what was made. */
function idOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  return typeof value.id === 'string' ? value.id : undefined;
}
