import { z } from 'zod';
import { entityId, isoTime, slug } from '../names.ts';
import { route } from '../route.ts';
import { progress } from '../tasks.ts';
import { runKind } from './run-routes.ts';

/** A number, and where what is behind it is: the query of the list `GET /api/v1/<list>`. */
const counted = z.object({
  count: z.number().int().nonnegative(),
  list: z.enum(['computers', 'runs', 'repositories', 'approvals', 'ransomware-alerts']),
  query: z.string(),
});
export type Counted = z.output<typeof counted>;

const day = z.iso.date();
const named = { id: entityId, hostname: z.string() };
const before = {
  /** What it took so many days before; left out where that is not known. */
  before30: z.number().optional(),
  before90: z.number().optional(),
};

const overview = z.object({
  at: isoTime,
  /** Agents, without those that are revoked. */
  computers: z.object({
    agents: counted,
    online: counted,
    offline: counted,
    /** In a job or policy, and with a backup within the days that the server is set to. */
    protected: counted,
    unprotected: counted,
    outOfDate: counted,
    untrusted: counted,
  }),
  /** How old the newest good backup of each agent is. Up to a day, three, seven, thirty, more. */
  backups: z.object({
    buckets: z.array(counted.extend({ id: z.enum(['day', 'three-days', 'week', 'month', 'older', 'never']) })),
    /** The first ones of those that have been without one for longest. */
    worst: z.array(z.object({ ...named, group: slug, lastBackupAt: isoTime.optional() })),
  }),
  /** Runs that failed in that time, and were not tried again. */
  failures: counted.extend({
    from: isoTime,
    to: isoTime,
    causes: z.array(
      counted.extend({
        /** Of `docs/errors.md`. */
        code: z.string(),
        meaning: z.string(),
        guidance: z.string(),
        computers: z.number().int(),
        last: z.object({ runId: entityId, agentId: entityId, hostname: z.string(), at: isoTime, message: z.string() }),
      }),
    ),
  }),
  running: counted.extend({
    queued: counted,
    runs: z.array(
      z.object({
        id: entityId,
        kind: runKind,
        agentId: entityId,
        hostname: z.string(),
        repositoryId: entityId,
        startedAt: isoTime.optional(),
        progress: progress.optional(),
      }),
    ),
  }),
  /** Measured once a day, by the movers. */
  storage: z.object({
    usedBytes: z.number(),
    measured: counted,
    unmeasured: counted,
    trend: z.array(z.object({ day, usedBytes: z.number() })),
    ...before,
    largest: z.array(z.object({ id: entityId, name: slug, usedBytes: z.number(), ...before })),
  }),
  /** How old the last good restore drill is, of each agent that has backups. Up to 30 days, 90, more. */
  drills: z.object({
    buckets: z.array(counted.extend({ id: z.enum(['month', 'quarter', 'older', 'never']) })),
    worst: z.array(z.object({ ...named, lastDrillAt: isoTime.optional() })),
  }),
  /** Ransomware alerts that nobody has settled. */
  ransomwareAlerts: counted,
  /** What the caller may decide or has asked for. */
  approvals: counted,
});
export type Overview = z.output<typeof overview>;

export const overviewRoutes = {
  overview: route('overview', 'GET', '/api/v1/overview', {
    access: 'fleet.read',
    summary:
      'How the fleet is: what is protected, what failed, what runs, what it takes. Each number says what list is behind it',
    tag: 'server',
    query: z.strictObject({
      /** What failed within these is told; the last 24 hours unless given. */
      from: isoTime.optional(),
      to: isoTime.optional(),
    }),
    response: overview,
  }),
} as const;
