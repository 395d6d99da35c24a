import { topologyDocument } from '@holdfast/contract/topology/schema';
import { z } from 'zod';
import { entityId, isoTime, port } from '../names.ts';
import { auditFinding } from '../port-messages.ts';
import { fleetWork } from '../port-routes.ts';
import { route } from '../route.ts';

const name = z.string().min(1).max(253);
const feature = z.object({
  id: z.string(),
  /** What stops without it. */
  stops: z.string(),
});

/** Hosts of a plan that are alike: in one zone, with the same roles, at the same ends of the same flows. */
const node = z.object({
  id: z.string(),
  /** Empty for a neighbour that lies in none. */
  zone: z.string(),
  roles: z.array(z.string()),
  platform: z.string().optional(),
  /** A computer that runs parts of Holdfast; else a neighbour. */
  managed: z.boolean(),
  count: z.number().int().positive(),
  /** The first fifty. */
  hosts: z.array(z.object({ name: z.string(), addresses: z.array(z.string()), computerIds: z.array(entityId) })),
});

const flowFacts = z.object({
  /** As `holdfast ports plan` and the results of checks name it. */
  id: z.string(),
  /** How many hosts are at its ends. */
  fromHosts: z.number().int(),
  toHosts: z.number().int(),
  transport: z.enum(['tcp', 'udp']),
  ports: z.array(z.object({ from: port, to: port })),
  /** `administrator`: not of the contract; somebody wants it open. */
  origin: z.enum(['contract', 'administrator']),
  /** Needed only while a session lasts. */
  leased: z.boolean(),
  channels: z.array(
    z.object({
      id: z.string(),
      purpose: z.string(),
      application: z.string(),
      security: z.string(),
      /** It stands in for another one that is blocked. */
      isFallback: z.boolean(),
      /** By any of the computers at its ends. */
      lastUsedAt: isoTime.optional(),
    }),
  ),
  rows: z.array(z.string()),
  features: z.array(feature),
  reasons: z.array(z.string()),
  lastUsedAt: isoTime.optional(),
  /** What the last checks that have ended found, the worst of what was found last between any two of its computers. */
  check: z
    .object({
      /** The newest of those that found the outcome, and when it ended. */
      checkId: entityId,
      at: isoTime,
      outcome: z.enum(['open', 'warning', 'failed', 'unchecked']),
      /** Each once, the first ten. */
      causes: z.array(z.string()),
    })
    .optional(),
});

const networkMap = z.object({
  name: z.string(),
  zones: z.array(z.object({ name: z.string(), nat: z.boolean() })),
  nodes: z.array(node),
  /** The ends are ids of nodes. */
  flows: z.array(flowFacts.extend({ from: z.array(z.string()), to: z.array(z.string()) })),
  /** Of all flows, to filter by. */
  features: z.array(feature),
  notes: z.array(z.string()),
  /** The last check, which may be under way. */
  check: fleetWork.optional(),
  /** The last audit that has ended, and where it found something: the first hundred hosts. */
  audit: fleetWork
    .extend({ drift: z.array(z.object({ host: z.string(), findings: z.array(auditFinding) })) })
    .optional(),
});
export type NetworkMap = z.output<typeof networkMap>;

const change = z.object({
  flow: flowFacts,
  /** Names of hosts, the first fifty. */
  from: z.array(z.string()),
  to: z.array(z.string()),
  fromHosts: z.number().int(),
  toHosts: z.number().int(),
});
export type NetworkChange = z.output<typeof change>;

const file = z.object({ path: z.string(), base64: z.base64() });

/** The contract, applied to the fleet: what people look at, try out and hand to who keeps the firewalls. */
export const networkRoutes = {
  networkMap: route('networkMap', 'GET', '/api/v1/network/map', {
    access: 'network.read',
    summary:
      'Zones, hosts and the openings between them: why each is there, when it was used, what the last check found',
    tag: 'network',
    query: z.strictObject({ includePlanned: z.stringbool().default(false) }),
    response: networkMap,
  }),
  whatIf: route('whatIf', 'POST', '/api/v1/network/what-if', {
    access: 'network.read',
    summary: 'What would be opened and closed with another topology. Changes nothing',
    tag: 'network',
    body: z.strictObject({
      topology: topologyDocument,
      /** Default: the server's own inventory. */
      before: topologyDocument.optional(),
      includePlanned: z.boolean().default(false),
    }),
    response: z.object({ map: networkMap, added: z.array(change), removed: z.array(change) }),
  }),
  renderers: route('renderers', 'GET', '/api/v1/network/renderers', {
    access: 'network.read',
    summary: 'For what firewalls, clouds and people a plan can be rendered',
    tag: 'network',
    response: z.object({ renderers: z.array(z.object({ id: z.string(), title: z.string(), scope: z.string() })) }),
  }),
  renderPlan: route('renderPlan', 'POST', '/api/v1/network/render', {
    access: 'network.read',
    summary: 'The plan as rules of a firewall, as a change request or as a diagram. Changes nothing',
    tag: 'network',
    body: z.strictObject({
      format: z.string().min(1).max(60),
      /** Default: the server's own inventory. */
      topology: topologyDocument.optional(),
      includePlanned: z.boolean().default(false),
      otherwise: z.enum(['drop', 'leave']).default('drop'),
      /** Only the rules of this host. */
      host: name.optional(),
      /** Only hosts of these zones get rules, of clouds and clusters. */
      zones: z.array(name).max(1_000).optional(),
      /** What only sessions need is left to leases. */
      leases: z.boolean().default(false),
      /** Of change requests. */
      owner: z.string().min(1).max(200).optional(),
      expires: z.iso.date().optional(),
    }),
    response: z.object({
      files: z.array(file),
      /** What takes it away again. */
      removal: z.array(file),
      /** Where the target opens more than the plan. */
      widenings: z.array(z.object({ flow: z.string(), host: z.string().optional(), message: z.string() })),
    }),
  }),
} as const;
