import { z } from 'zod';
import { entityId, snapshotId } from '../names.ts';
import { receiptDrill } from '../receipts.ts';
import { drillOptions } from '../repository-maintenance.ts';
import { route } from '../route.ts';
import { byId, pageOf, pageQuery } from './parts.ts';
import { session } from './session-routes.ts';

export const listedReceipt = z.object({
  number: z.number().int(),
  /** As it is in the receipt. */
  drill: receiptDrill,
  /** The receipt itself: a JWS in compact form. */
  jws: z.string(),
});
export type ListedReceipt = z.output<typeof listedReceipt>;

/** How a computer's drills went. */
const drilledComputer = z.object({
  agentId: entityId,
  hostname: z.string(),
  lastGood: listedReceipt.optional(),
  last: listedReceipt.optional(),
});
export type DrilledComputer = z.output<typeof drilledComputer>;

const asked = drillOptions.shape;

/** Restore drills, and their receipts. */
export const drillRoutes = {
  startDrills: route('startDrills', 'POST', '/api/v1/repositories/{id}/drills', {
    access: 'repositories.maintain',
    summary: 'Restore backups of a repository for trial, now; what is left out is as the repository’s settings say',
    tag: 'drills',
    audited: ['computers', 'snapshotIds', 'amount', 'maxBytes'],
    params: byId,
    body: z.strictObject({
      computers: asked.computers.unwrap().optional(),
      count: asked.count.unwrap().optional(),
      amount: asked.amount.unwrap().optional(),
      maxBytes: asked.maxBytes.unwrap().optional(),
      maxMinutes: asked.maxMinutes.unwrap().optional(),
      /** These backups, whoever they are of. */
      snapshotIds: z.array(snapshotId).min(1).max(100).optional(),
    }),
    response: session,
  }),
  drilledComputers: route('drilledComputers', 'GET', '/api/v1/drills', {
    access: 'fleet.read',
    summary: 'Computers with backups, and the last good and the last drill of each',
    tag: 'drills',
    query: pageQuery,
    response: pageOf('computers', drilledComputer),
  }),
  receipts: route('receipts', 'GET', '/api/v1/receipts', {
    access: 'fleet.read',
    summary: 'Receipts of restore drills. Only those of all groups together are a chain without gaps',
    tag: 'drills',
    query: pageQuery.extend({
      order: z.enum(['newest', 'oldest']).default('newest'),
      repositoryId: entityId.optional(),
      agentId: entityId.optional(),
      outcome: receiptDrill.shape.outcome.optional(),
    }),
    response: pageOf('receipts', listedReceipt),
  }),
} as const;
