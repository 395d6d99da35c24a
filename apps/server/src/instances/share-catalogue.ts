import { toHoldfastError } from '@holdfast/core';
import type { Logger } from 'pino';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Notice } from '../catalogue/notices.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { computerView, loadComputer } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import type { Revocations } from '../enrolment/revocations.ts';
import type { EventHub } from '../event-hub.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { loadRun } from '../runs/run-store.ts';
import { sessionView } from '../sessions/session-store.ts';
import type { Instances } from './instances.ts';

interface Parts {
  readonly catalogue: Catalogue;
  readonly instances: Instances;
  readonly presence: Presence;
  readonly connections: AgentConnections;
  readonly revocations: Revocations;
  readonly queue: RunQueue;
  readonly events: EventHub;
  readonly logger: Logger;
  readonly recheckTrust: () => void;
  /** Ends what instances that are gone had begun. */
  readonly endLeft: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** What goes on beside everything else where other instances share the catalogue. Nothing where it is a file. */
export function shareCatalogue(o: Parts): Promise<void>[] {
  const { notices } = o.catalogue;
  if (!notices) return [];
  return [
    o.instances.watch(o.signal, async () => {
      await o.revocations.list();
      o.recheckTrust();
      await o.queue.lookAround();
      await o.endLeft();
    }),
    notices.watch({
      signal: o.signal,
      onNotice: (notice) => {
        if (notice.instance === o.instances.id) return;
        relay(o, notice).catch((error: unknown) =>
          o.logger.debug({ notice, error: toHoldfastError(error) }, 'a notice of another instance came to nothing'),
        );
      },
      onGap: () => o.events.gap(),
      logger: o.logger,
    }),
  ];
}

/** Passes on to clients of this instance what another did, and begins what it queued for agents that are connected here. */
async function relay(
  { catalogue, presence, connections, queue, events }: Parts,
  { instance, tenant, kind, id }: Notice,
): Promise<void> {
  const scope = catalogue.tenant(tenant);
  if (kind === 'log') return events.relayLog(tenant, id);
  if (kind === 'policies') return connections.lookAtPolicies(id);
  if (kind === 'queued' || kind === 'session') queue.look();
  // A fleet at work tells of itself all the time: the catalogue is asked only for who listens.
  if (!events.isHeard(tenant)) return;
  if (kind === 'run' || kind === 'queued') {
    events.relayRun(tenant, queue.viewOf(scope, await loadRun(scope, id)));
  } else if (kind === 'session') {
    events.relaySession(tenant, await sessionView(scope, id));
  } else if (kind === 'computer') {
    const row = await loadComputer(scope, id);
    events.relayComputer(tenant, computerView(row, row.heldBy === instance || presence.isOnline(row)));
  }
}
