import { oneLine } from '@holdfast/core';
import { z } from 'zod';
import {
  maxAdmissions,
  maxAudited,
  maxFindings,
  maxListenMs,
  maxProbedAddresses,
  maxProbedPorts,
  maxProbeTargets,
  maxSources,
  maxUnusedMs,
} from './limits.ts';
import { isoTime, port } from './names.ts';

/** What the server asks an agent or a mover for in a check or an audit of the network, and what they tell. */

/** Somebody's words, to be printed: on one line, of bounded length, and nothing in them steers a terminal. */
const said = (maxLength: number) => z.string().transform((text) => oneLine(text).slice(0, maxLength));
const word = said(200);
const words = z.array(word).max(64);
const milliseconds = z.number().min(0).max(86_400_000);
const direction = z.enum(['out', 'in']);

/** As `Diagnosis` of the probe. */
export const diagnosis = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('name-unresolved'), name: word, code: word }),
  z.object({
    kind: z.literal('names-disagree'),
    direction: z.enum(['forward', 'reverse']),
    asked: word,
    found: words,
    planned: words,
  }),
  z.object({ kind: z.literal('no-route'), where: z.enum(['here', 'on-the-way']), code: word }),
  z.object({ kind: z.literal('dropped') }),
  z.object({ kind: z.literal('untried'), code: word }),
  z.object({ kind: z.literal('refused'), by: z.enum(['firewall', 'unknown']) }),
  z.object({ kind: z.literal('forbidden-here'), code: word }),
  z.object({ kind: z.literal('port-in-use'), holder: word }),
  z.object({ kind: z.literal('port-reserved'), code: word }),
  z.object({ kind: z.literal('port-forbidden'), code: word }),
  z.object({ kind: z.literal('tls-intercepted'), issuer: word }),
  z.object({ kind: z.literal('wrong-certificate'), reason: said(500) }),
  z.object({ kind: z.literal('cut'), direction, how: z.enum(['reset', 'silence']), afterBytes: z.number().min(0) }),
  z.object({ kind: z.literal('idle-killed'), aliveMs: milliseconds, deadMs: milliseconds }),
  z.object({ kind: z.literal('mtu'), direction, passesBytes: z.number().min(0) }),
  z.object({ kind: z.literal('nat'), side: z.enum(['source', 'destination']), own: word, seen: word }),
  z.object({
    kind: z.literal('middlebox'),
    said: z.enum(['nothing', 'closed', 'not-tls', 'tls-of-another', 'wrong-proof']),
  }),
]);

/** All states of a listener go to whoever dials it: each is small. */
const code = said(40);
/** As `certificateFingerprint` of `wire` writes it. */
const fingerprint = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
/** As `PortState` of the probe. */
const portState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('open'), unproven: z.number().int().min(0) }),
  z.object({ kind: z.literal('held'), holder: word, fingerprint: fingerprint.optional() }),
  z.object({ kind: z.literal('reserved'), code }),
  z.object({ kind: z.literal('forbidden'), code }),
]);
const portStates = z.array(z.tuple([port, portState])).max(maxProbedPorts);

const ports = z.array(port).min(1).max(maxProbedPorts);
/** 32 random bytes that the server makes for one pair of computers and one check. */
const secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const address = z.union([z.ipv4(), z.ipv6()]);
const channelId = z.string().max(100);

/** The ports to wait on, and who is admitted to which of them. */
export const listenRequest = z.strictObject({
  admissions: z
    .array(
      z.strictObject({
        ports,
        secrets: z.array(secret).min(1).max(maxAdmissions),
        /** Addresses of those who will dial, for a firewall that opens ports for single peers. */
        peers: z.array(address).max(maxAdmissions),
      }),
    )
    .max(maxAdmissions),
  forMs: z.number().int().min(1).max(maxListenMs),
});
/** `leasesOnly`: the firewall there opens data ports for single peers, and there are too many of them for a check. */
export const listenEvent = z.object({ states: portStates, leasesOnly: z.boolean() });

export type ListenRequest = z.output<typeof listenRequest>;
export type ListenEvent = z.output<typeof listenEvent>;

/** Computers to dial, and along which channels. */
export const tryRequest = z.strictObject({
  targets: z
    .array(
      z.strictObject({
        id: z.number().int().min(0),
        /** None: the first name is resolved. */
        addresses: z.array(address).max(maxProbedAddresses),
        names: z.array(z.string().max(253)).max(maxProbedAddresses),
        secret,
        /** What the other end is expected to see of this one. */
        sources: z.array(address).max(maxSources),
        openings: z
          .array(
            z.strictObject({
              channels: z.array(channelId).min(1).max(64),
              ports,
              /** A probe listener is there, but for the ports in `states`. */
              waits: z.boolean(),
            }),
          )
          .min(1)
          .max(64),
        /** What the other end said of ports on which it can't wait. */
        states: portStates,
      }),
    )
    .max(maxProbeTargets),
  payloadBytes: z
    .number()
    .int()
    .min(1)
    .max(64 * 1024 * 1024),
  idleMs: milliseconds.optional(),
  /** How long it may take; what a firewall opens for it ends then by itself. */
  forMs: z.number().int().min(1).max(maxListenMs),
  /** Connections at once: others dial the same computers. */
  atOnce: z.number().int().min(1).max(1_000),
});
export type TryRequest = z.output<typeof tryRequest>;

const probeResult = z.object({
  address: said(500),
  /** Absent: about the names of that computer. */
  port: port.optional(),
  how: z.enum(['probe', 'service', 'connect', 'names']),
  diagnoses: z.array(diagnosis).max(16),
});
/** All about one target. */
const tryEvent = z.object({
  target: z.number().int().min(0),
  results: z.array(probeResult).max(maxProbedAddresses * maxProbedPorts),
  unchecked: z.array(z.object({ channels: z.array(channelId).max(64), reason: said(500) })).max(64),
});
export type TryEvent = z.output<typeof tryEvent>;

const portRange = z.strictObject({ from: port, to: port });
const hostName = z.string().max(253);
const blocks = z.array(z.string().max(50)).max(maxAudited);

const counted = { channel: channelId, direction: z.enum(['in', 'out']) };

/** What a plan has for one host. Peers are named by their places in a list that all rules share. */
export const auditRequest = z.strictObject({
  host: z.strictObject({
    name: hostName,
    addresses: blocks,
    names: z.array(hostName).max(64),
    platform: z.string().max(20).optional(),
    roles: z.array(z.string().max(60)).max(64),
  }),
  peers: z.array(z.strictObject({ name: hostName, addresses: blocks })).max(maxAudited),
  rules: z
    .array(
      z.strictObject({
        id: z.string().max(10_000),
        direction: z.enum(['in', 'out']),
        transport: z.enum(['tcp', 'udp']),
        ports: z.array(portRange).max(1_000),
        peers: z.array(z.number().int().min(0)).max(maxAudited),
        origin: z.enum(['contract', 'administrator']),
        channels: z.array(channelId).max(200),
        reasons: z.array(z.string().max(1_000)).max(200),
        fallbackFor: z.array(channelId).max(200),
        leased: z.boolean(),
      }),
    )
    .max(10_000),
  /** What the firewall should do with everything else. */
  otherwise: z.enum(['drop', 'leave']),
  unused: z.boolean(),
  /** What the programs of that computer have counted, to find openings that nothing has used for so long. */
  use: z
    .strictObject({
      forMs: z.number().int().min(1).max(maxUnusedMs),
      reports: z
        .array(
          z.strictObject({
            process: z.string().max(100),
            since: isoTime,
            traffic: z.array(z.strictObject({ ...counted, lastUsedAt: isoTime })).max(1_000),
            refusals: z.array(z.strictObject({ ...counted, reason: z.string().max(100), lastAt: isoTime })).max(1_000),
          }),
        )
        .max(16),
    })
    .optional(),
});
export type AuditRequest = z.output<typeof auditRequest>;

export const auditFinding = z.object({
  kind: said(60),
  subject: said(300),
  message: said(1_500),
  advice: said(500),
});
const auditAnswer = z.object({
  /** The first of them; `findingCount` has them all. */
  findings: z.array(auditFinding).max(maxFindings),
  findingCount: z.number().int().min(0),
  notes: z.array(said(2_000)).max(100),
});
export type AuditAnswer = z.output<typeof auditAnswer>;

/** Methods of the task protocol; a mover serves these alone. */
export const portMethods = {
  /** Waits on ports until the call is cancelled, its connection ends, or the time is over. One event, when it waits. */
  'ports.listen': { params: listenRequest, result: z.object({}), event: listenEvent },
  /** Dials; an event for each target. */
  'ports.try': { params: tryRequest, result: z.object({}), event: tryEvent },
  'ports.audit': { params: auditRequest, result: auditAnswer, event: z.never() },
} as const;
