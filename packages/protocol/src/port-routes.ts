import { topologyDocument } from '@holdfast/contract/topology/schema';
import { z } from 'zod';
import { errorReport } from './error-report.ts';
import { maxUnusedMs } from './limits.ts';
import { entityId, isoTime, port } from './names.ts';
import { auditFinding, diagnosis } from './port-messages.ts';
import { route } from './route.ts';

const byId = z.strictObject({ id: entityId });
const hostNames = z.array(z.string().min(1).max(253)).min(1).max(1_000);

/** A check or an audit of the fleet: what became of it so far. */
export const fleetWork = z.object({
  id: entityId,
  /** `failed`: it could not be brought to its end. What it found says nothing about that. */
  state: z.enum(['running', 'finished', 'failed', 'cancelled']),
  startedAt: isoTime,
  endedAt: isoTime.optional(),
  /** Pairs of computers, or computers: how many there are, and how many are done. */
  total: z.number().int(),
  done: z.number().int(),
  /** Results with a failure, with warnings only, and what could not be tried. */
  failures: z.number().int(),
  warnings: z.number().int(),
  unchecked: z.number().int(),
  error: errorReport.optional(),
  /** What limits the work as a whole. */
  notes: z.array(z.string()),
});
export type FleetWorkView = z.infer<typeof fleetWork>;

/** Ports beside each other, of one computer as seen from another, of which the same was found. */
export const checkResult = z.object({
  from: z.string(),
  to: z.string(),
  outcome: z.enum(['open', 'warning', 'failed', 'unchecked']),
  /** Absent where nothing was dialled. */
  address: z.string().optional(),
  /** Absent: about the names of `to`. */
  firstPort: port.optional(),
  lastPort: port.optional(),
  /** How many ports were tried from the first to the last. */
  tried: z.number().int(),
  how: z.enum(['probe', 'service', 'connect', 'names']).optional(),
  /** Id of the flow of the plan. */
  flow: z.string().optional(),
  channels: z.array(z.string()),
  /** Each with the cause in a sentence, and what to do unless a rule of a firewall is missing. */
  diagnoses: z.array(z.object({ diagnosis, isFailure: z.boolean(), cause: z.string(), remedy: z.string().optional() })),
  /** Why it was not tried. */
  reason: z.string().optional(),
  /** What to ask the firewall's administrator for, and the command that explains it. */
  rule: z.string().optional(),
  why: z.string().optional(),
});
export type CheckResult = z.infer<typeof checkResult>;

export const auditResult = z.object({
  host: z.string(),
  outcome: z.enum(['as-planned', 'findings', 'unaudited']),
  /** The program that looked. */
  by: z.enum(['server', 'agent', 'mover']).optional(),
  findings: z.array(auditFinding),
  findingCount: z.number().int(),
  notes: z.array(z.string()),
  error: errorReport.optional(),
});
export type AuditResult = z.infer<typeof auditResult>;

/** What a check and an audit have in common: whose plan, and which hosts of it. */
const scope = {
  /** Default: the server's own inventory. A topology includes no other files here. */
  topology: topologyDocument.optional(),
  /** Only what begins or ends there. */
  hosts: hostNames.optional(),
  includePlanned: z.boolean().default(false),
};

const pageOf = (defaultLimit: number) =>
  z.strictObject({
    after: z.coerce.number().int().min(0).default(0),
    limit: z.coerce.number().int().min(1).max(5_000).default(defaultLimit),
    only: z.enum(['all', 'problems']).default('all'),
  });
/** `next`: what to give as `after` for the next page; absent at the end of what is there by now. */
const page = <Result extends z.ZodType>(result: Result) =>
  z.object({ results: z.array(result), next: z.number().int().optional() });

export const portRoutes = {
  createPortCheck: route('createPortCheck', 'POST', '/api/v1/ports/checks', {
    access: 'network.check',
    summary: 'Try every opening of the plan between the computers of the fleet',
    tag: 'ports',
    body: z.strictObject({
      ...scope,
      /** Ids of openings of the plan: only these. */
      flows: z.array(z.string().min(1).max(2_000)).min(1).max(1_000).optional(),
      /** Every port of a range, not only a sample. */
      allPorts: z.boolean().default(false),
      /** Each way, over one port of each opening. */
      payloadBytes: z
        .number()
        .int()
        .min(1)
        .max(64 * 1024 * 1024)
        .default(64 * 1024),
      /** Also measure whether idle connections live so long. */
      idleMs: z
        .number()
        .int()
        .min(1)
        .max(3 * 3_600_000)
        .optional(),
    }),
    response: fleetWork,
  }),
  portChecks: route('portChecks', 'GET', '/api/v1/ports/checks', {
    access: 'network.read',
    summary: 'Checks since the server started, newest first',
    tag: 'ports',
    response: z.object({ checks: z.array(fleetWork) }),
  }),
  portCheck: route('portCheck', 'GET', '/api/v1/ports/checks/{id}', {
    access: 'network.read',
    summary: 'One check: its progress',
    tag: 'ports',
    params: byId,
    response: fleetWork,
  }),
  portCheckResults: route('portCheckResults', 'GET', '/api/v1/ports/checks/{id}/results', {
    access: 'network.read',
    summary: 'What a check has found so far, in pages',
    tag: 'ports',
    params: byId,
    query: pageOf(1_000),
    response: page(checkResult),
  }),
  cancelPortCheck: route('cancelPortCheck', 'POST', '/api/v1/ports/checks/{id}/cancel', {
    access: 'network.check',
    summary: 'End a check; its ports are closed',
    tag: 'ports',
    params: byId,
    response: fleetWork,
  }),
  createPortAudit: route('createPortAudit', 'POST', '/api/v1/ports/audits', {
    access: 'network.check',
    summary: "Compare every computer's sockets and its own firewall with the plan",
    tag: 'ports',
    body: z.strictObject({
      ...scope,
      /** What the firewalls should do with everything else. */
      otherwise: z.enum(['drop', 'leave']).default('drop'),
      /** Also openings through which no packet has come since the rules were loaded. */
      unused: z.boolean().default(false),
      /** Also openings that no program of ours has used for so long. */
      unusedForMs: z.number().int().min(1).max(maxUnusedMs).optional(),
    }),
    response: fleetWork,
  }),
  portAudits: route('portAudits', 'GET', '/api/v1/ports/audits', {
    access: 'network.read',
    summary: 'Audits since the server started, newest first',
    tag: 'ports',
    response: z.object({ audits: z.array(fleetWork) }),
  }),
  portAudit: route('portAudit', 'GET', '/api/v1/ports/audits/{id}', {
    access: 'network.read',
    summary: 'One audit: its progress',
    tag: 'ports',
    params: byId,
    response: fleetWork,
  }),
  portAuditResults: route('portAuditResults', 'GET', '/api/v1/ports/audits/{id}/results', {
    access: 'network.read',
    summary: 'What an audit has found so far, in pages',
    tag: 'ports',
    params: byId,
    query: pageOf(100),
    response: page(auditResult),
  }),
  cancelPortAudit: route('cancelPortAudit', 'POST', '/api/v1/ports/audits/{id}/cancel', {
    access: 'network.check',
    summary: 'End an audit',
    tag: 'ports',
    params: byId,
    response: fleetWork,
  }),
} as const;
