import { type Clock, HoldfastError } from '@holdfast/core';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { computerView, loadComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { Presence } from '../computers/presence.ts';
import { createJoinToken, deleteJoinToken, usableJoinTokens } from '../enrolment/join-tokens.ts';
import type { Revocations } from '../enrolment/revocations.ts';
import type { ComputerList } from '../inventory/computer-list.ts';
import { loadOpenGroup } from '../inventory/groups.ts';
import type { Rescans } from '../inventory/rescans.ts';
import { checkMoved } from '../jobs/other-kind.ts';
import { revocationPushMs } from '../limits.ts';
import { revokeLostGrants } from '../policies/standing-grants.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { RestHandlers } from './rest-app.ts';

export function computerHandlers(o: {
  list: ComputerList;
  rescans: Rescans;
  presence: Presence;
  movers: Movers;
  connections: AgentConnections;
  revocations: Revocations;
  queue: RunQueue;
  /** Cuts every open connection whose certificate is revoked. */
  recheckTrust: () => void;
  caFingerprint: string;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'createToken'
  | 'tokens'
  | 'deleteToken'
  | 'computers'
  | 'computer'
  | 'moveComputer'
  | 'rescanComputer'
  | 'revokeComputer'
> {
  return {
    createToken: async ({ scope, body }) => {
      const { role, group, uses, preinstalled, lifetimeSeconds } = body;
      const lifetimeMs = lifetimeSeconds * 1000;
      const token = await createJoinToken(scope, { role, group, uses, preinstalled, lifetimeMs, clock: o.clock });
      return { ...token, caFingerprint: o.caFingerprint };
    },
    tokens: ({ scope, query }) => usableJoinTokens(scope, { ...query, clock: o.clock }),
    deleteToken: async ({ scope, params }) => {
      await deleteJoinToken(scope, params.id);
      return {};
    },
    computers: ({ scope, query }) => o.list.page(scope, query),
    computer: ({ scope, params }) => o.list.one(scope, params.id),
    moveComputer: async ({ scope, params: { id }, body }) => {
      const movers = await scope.transaction(async (inside) => {
        await loadComputer(inside, id);
        await loadOpenGroup(inside, body.group, o.clock);
        await inside.query.updateTable('computers').set({ groupName: body.group }).where('id', '=', id).execute();
        await checkMoved(inside, body.group);
        return revokeLostGrants(inside, { agentId: id }, o.clock);
      });
      o.movers.tellSoon(scope.tenant, movers);
      o.connections.tellPoliciesChanged(scope.tenant, [id]);
      await o.presence.announce(scope.tenant, id);
      return o.list.one(scope, id);
    },
    rescanComputer: async ({ scope, params: { id }, signal }) => {
      await o.rescans.rescanComputer(scope, id, signal);
      return o.list.one(scope, id);
    },
    revokeComputer: async ({ scope, params: { id } }) => {
      await o.revocations.revokeComputer(scope, id);
      o.recheckTrust();
      const reason = new HoldfastError('channel.revoked', {
        message: `The certificate of computer ${id} was revoked.`,
      });
      o.queue.abandon(id, reason);
      await o.connections.drop(id);
      await o.movers.links.drop(id);
      await o.presence.gone(scope.tenant, id);
      await o.presence.announce(scope.tenant, id);
      // Movers that can't be reached now are told at the next contact; nobody has to wait for their time-outs.
      await Promise.race([o.movers.pushTrust(), o.clock.sleep(revocationPushMs)]);
      const row = await loadComputer(scope, id);
      return computerView(row, o.presence.isOnline(row));
    },
  };
}
