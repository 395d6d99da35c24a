import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { type Approval, errorReport, type Route, reportOf, routes } from '@holdfast/protocol';
import type { Selectable, Updateable } from 'kysely';
import { z } from 'zod';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { ApprovalsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxListedRows, maxWaitingApprovals, maxWaitingApprovalsOfOne } from '../limits.ts';
import { noteCause } from '../notifications/causes.ts';
import type { ApprovalGate, Asked, RouteAnswer } from '../rest/route-runner.ts';
import type { Vault } from '../vault.ts';
import { countFullAdministrators } from './accounts.ts';
import type { Authentication } from './authentication.ts';
import type { Caller } from './caller.ts';

type ApprovalRow = Selectable<ApprovalsTable>;

const keptRequest = z.object({
  // What has no body, such as a deletion, is kept without one.
  params: z.unknown().optional(),
  query: z.unknown().optional(),
  body: z.unknown().optional(),
  ifMatch: z.string().optional(),
});
type KeptRequest = z.infer<typeof keptRequest>;

/**
 * Four-eyes approval: what one administrator asked for is kept, and done when another agrees, exactly as it was asked for and
 * with the rights that the first one then still has.
 */
export class Approvals implements ApprovalGate {
  readonly #catalogue: Catalogue;
  readonly #vault: Vault;
  readonly #authentication: Authentication;
  readonly #mode: 'auto' | 'on' | 'off';
  readonly #lifetimeMs: number;
  readonly #clock: Clock;

  constructor(o: {
    catalogue: Catalogue;
    vault: Vault;
    authentication: Authentication;
    /** `auto`: as soon as there are two administrators. */
    mode: 'auto' | 'on' | 'off';
    lifetimeMs: number;
    clock: Clock;
  }) {
    this.#catalogue = o.catalogue;
    this.#vault = o.vault;
    this.#authentication = o.authentication;
    this.#mode = o.mode;
    this.#lifetimeMs = o.lifetimeMs;
    this.#clock = o.clock;
  }

  async isNeeded(tenant: string): Promise<boolean> {
    if (this.#mode !== 'auto') return this.#mode === 'on';
    return (await countFullAdministrators(this.#catalogue.tenant(tenant))) >= 2;
  }

  /** Who asks for the same again, as `apply` does, asks once: it is the one that waits already. */
  async keep(
    route: Route,
    asked: Asked,
    facts: { subject: string; shown: Record<string, unknown> },
  ): Promise<Approval> {
    const { caller, params, query, body, ifMatch } = asked;
    const scope = this.#catalogue.tenant(caller.tenant);
    const by = {
      accountId: caller.accountId ?? null,
      tokenId: caller.credential.kind === 'api-token' ? caller.credential.id : null,
    };
    const request = JSON.stringify({ params, query, body, ifMatch });
    const waiting = await this.#askAgain(scope, { route: route.id, ...by, request });
    if (waiting) return this.#view(waiting);
    await this.#checkRoom(scope, by.accountId);
    const id = crypto.randomUUID();
    const nowMs = this.#clock.now().getTime();
    const row = await scope.query
      .insertInto('approvals')
      .values({
        id,
        route: route.id,
        subject: facts.subject,
        shownJson: JSON.stringify(facts.shown),
        sealedRequest: this.#vault.seal(request, { tenant: scope.tenant, kind: 'approval', id }),
        actor: caller.actor,
        ...by,
        state: 'waiting',
        createdAt: new Date(nowMs).toISOString(),
        expiresAt: new Date(nowMs + this.#lifetimeMs).toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await noteCause(scope, { kind: 'approval-waiting', approvalId: id }, this.#clock.now());
    return this.#view(row);
  }

  /** The one that waits for exactly that. What it changes has to be as it was seen last, and no longer as it was at first. */
  async #askAgain(
    scope: TenantScope,
    o: Pick<ApprovalRow, 'route' | 'accountId' | 'tokenId'> & { readonly request: string },
  ): Promise<ApprovalRow | undefined> {
    const rows = await scope.query
      .selectFrom('approvals')
      .selectAll()
      .where('route', '=', o.route)
      .where('state', '=', 'waiting')
      .where('expiresAt', '>', this.#clock.now().toISOString())
      .limit(maxWaitingApprovals)
      .execute();
    const asked = withoutTag(readJson(keptRequest, o.request, 'approvals.sealedRequest'));
    const found = rows
      .filter(({ accountId, tokenId }) => accountId === o.accountId && tokenId === o.tokenId)
      .find((row) => withoutTag(this.#requestOf(scope, row)) === asked);
    if (!found) return undefined;
    const sealedRequest = this.#vault.seal(o.request, { tenant: scope.tenant, kind: 'approval', id: found.id });
    const { numUpdatedRows } = await scope.query
      .updateTable('approvals')
      .set({ sealedRequest })
      .where('id', '=', found.id)
      .where('state', '=', 'waiting')
      .executeTakeFirst();
    // Else it has just been decided.
    return numUpdatedRows === 1n ? found : undefined;
  }

  #requestOf(scope: TenantScope, { id, sealedRequest }: ApprovalRow): KeptRequest {
    const text = this.#vault.open(sealedRequest, { tenant: scope.tenant, kind: 'approval', id });
    return readJson(keptRequest, text, 'approvals.sealedRequest');
  }

  /** All for who decides, else the own ones; newest first. */
  async list(caller: Caller, only: 'waiting' | 'all'): Promise<Approval[]> {
    let rows = this.#catalogue
      .tenant(caller.tenant)
      .query.selectFrom('approvals')
      .selectAll()
      .orderBy('createdAt', 'desc')
      .limit(maxListedRows);
    if (!caller.permissions.has('approvals.decide')) rows = rows.where('accountId', '=', caller.accountId ?? '');
    if (only === 'waiting')
      rows = rows.where('state', '=', 'waiting').where('expiresAt', '>', this.#clock.now().toISOString());
    return (await rows.execute()).map((row) => this.#view(row));
  }

  /** Does what was asked for. Throws `auth.forbidden` for whoever may not agree to this one, and `approval.closed`. */
  async approve(
    caller: Caller,
    o: { id: string; remoteAddress: string; requestId: string; signal: AbortSignal },
    run: (route: Route, asked: Asked) => Promise<RouteAnswer>,
  ): Promise<Approval> {
    const scope = this.#catalogue.tenant(caller.tenant);
    const row = await this.#load(scope, o.id);
    if (caller.credential.kind !== 'session')
      throw new HoldfastError('auth.forbidden', {
        message: 'Only a person who has signed in can agree; a token stands for nobody in particular.',
      });
    if (row.accountId === caller.accountId)
      throw new HoldfastError('auth.forbidden', { message: 'Nobody agrees to what he asked for himself.' });
    await this.#close(scope, row, { state: 'running', decidedBy: caller.actor });
    let ended: Updateable<ApprovalsTable> = { state: 'approved' };
    try {
      const requester = await this.#authentication.requester(scope, row);
      if (!requester) throw new HoldfastError('auth.forbidden', { message: `${row.actor} may not sign in any more.` });
      const route = Object.values<Route>(routes).find(({ id }) => id === row.route);
      if (!route) throw new HoldfastError('request.missing', { message: `There is no action ${row.route} any more.` });
      const request = this.#requestOf(scope, row);
      await run(route, {
        ...{ ...o, params: request.params, query: request.query, body: request.body },
        ...(request.ifMatch === undefined ? {} : { ifMatch: request.ifMatch }),
        caller: requester,
        approval: { approval: row.id, approvedBy: caller.actor },
      });
    } catch (error) {
      ended = failure(toHoldfastError(error));
    }
    await scope.query
      .updateTable('approvals')
      .set({ ...ended, sealedRequest: '' })
      .where('id', '=', row.id)
      .execute();
    return this.#view(await this.#load(scope, o.id));
  }

  /** The server that was doing it has ended: nobody knows what of it was done, and it is not done again. */
  async interrupt(tenant: string, id: string): Promise<void> {
    await this.#catalogue
      .tenant(tenant)
      .query.updateTable('approvals')
      .set({ ...failure(new HoldfastError('approval.interrupted')), sealedRequest: '' })
      .where('id', '=', id)
      .where('state', '=', 'running')
      .execute();
  }

  /** Throws `approval.closed`. */
  async reject(caller: Caller, id: string): Promise<Approval> {
    const scope = this.#catalogue.tenant(caller.tenant);
    await this.#close(scope, await this.#load(scope, id), { state: 'rejected', decidedBy: caller.actor });
    return this.#view(await this.#load(scope, id));
  }

  /** By the one who asked. Throws `request.missing` for another's, and `approval.closed`. */
  async withdraw(caller: Caller, id: string): Promise<Approval> {
    const scope = this.#catalogue.tenant(caller.tenant);
    const row = await this.#load(scope, id);
    if (row.accountId !== (caller.accountId ?? null)) throw missing(id);
    if (caller.credential.kind === 'api-token' && caller.credential.id !== row.tokenId)
      throw new HoldfastError('auth.forbidden', { message: 'A token withdraws only what was asked for with it.' });
    await this.#close(scope, row, { state: 'withdrawn', decidedBy: caller.actor });
    return this.#view(await this.#load(scope, id));
  }

  /** One decision alone is taken, also when two come at once. */
  async #close(
    scope: TenantScope,
    { id }: ApprovalRow,
    o: { state: 'running' | 'rejected' | 'withdrawn'; decidedBy: string },
  ): Promise<void> {
    const now = this.#clock.now().toISOString();
    const { numUpdatedRows } = await scope.query
      .updateTable('approvals')
      // What it holds may be a password, and is of no more use.
      .set({ ...o, decidedAt: now, ...(o.state === 'running' ? {} : { sealedRequest: '' }) })
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .where('expiresAt', '>', now)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw new HoldfastError('approval.closed');
  }

  async #load({ query }: TenantScope, id: string): Promise<ApprovalRow> {
    const row = await query.selectFrom('approvals').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) throw missing(id);
    return row;
  }

  async #checkRoom({ query }: TenantScope, accountId: string | null): Promise<void> {
    const waiting = await query
      .selectFrom('approvals')
      .select('accountId')
      .where('state', '=', 'waiting')
      .where('expiresAt', '>', this.#clock.now().toISOString())
      .limit(maxWaitingApprovals)
      .execute();
    if (waiting.length >= maxWaitingApprovals)
      throw new HoldfastError('internal.limit', { message: `${maxWaitingApprovals} approvals are waiting already.` });
    if (waiting.filter((row) => row.accountId === accountId).length >= maxWaitingApprovalsOfOne)
      throw new HoldfastError('internal.limit', {
        message: `${maxWaitingApprovalsOfOne} approvals that this account asked for are waiting already.`,
        guidance: 'Withdraw what is not needed any more with `holdfast approvals withdraw`.',
      });
  }

  #view(row: ApprovalRow): Approval {
    const hasExpired = row.state === 'waiting' && row.expiresAt <= this.#clock.now().toISOString();
    return {
      id: row.id,
      action: row.route,
      subject: row.subject,
      request: readJson(z.record(z.string(), z.unknown()), row.shownJson, 'approvals.shownJson'),
      requestedBy: row.actor,
      requestedAt: row.createdAt,
      expiresAt: row.expiresAt,
      state: hasExpired ? 'expired' : row.state,
      ...(row.decidedBy === null ? {} : { decidedBy: row.decidedBy }),
      ...(row.decidedAt === null ? {} : { decidedAt: row.decidedAt }),
      ...(row.errorJson === null ? {} : { error: readJson(errorReport, row.errorJson, 'approvals.errorJson') }),
    };
  }
}

/** Forgets what was decided, or expired, before then. */
export async function pruneApprovals({ deleteFrom }: TenantScope, before: Date): Promise<void> {
  const oldest = before.toISOString();
  await deleteFrom('approvals').where('createdAt', '<', oldest).where('expiresAt', '<', oldest).execute();
}

function failure(error: HoldfastError): Updateable<ApprovalsTable> {
  return { state: 'failed', errorJson: JSON.stringify(reportOf(error)) };
}

function withoutTag({ params, query, body }: KeptRequest): string {
  return JSON.stringify([params, query, body]);
}

function missing(id: string): HoldfastError {
  return new HoldfastError('request.missing', { message: `There is no approval ${id}.` });
}
