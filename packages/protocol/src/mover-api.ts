import { z } from 'zod';
import { grantMode, identityKey } from './grants.ts';
import { sealedKitPassword } from './kit-key-file.ts';
import { maxTaskLogLines, maxTrafficRules } from './limits.ts';
import { certificateSerial, entityId, fingerprint, host, isoTime, leaseNonce, port, slug, tenantId } from './names.ts';
import { logLine } from './run-log.ts';
import { trafficRule } from './traffic-rules.ts';

const repositoryRef = z.strictObject({ tenant: tenantId, repository: slug });
export type RepositoryRef = z.infer<typeof repositoryRef>;

/** `PUT /trust`, server only: whom the mover believes from now on, and what holds for its traffic. */
export const trustUpdate = z.strictObject({
  identityKeys: z.array(identityKey).min(1).max(16),
  revokedSerials: z.array(certificateSerial).max(100_000),
  /** Ids of grants for repositories of this mover. */
  revokedGrants: z.array(entityId).max(50_000).default([]),
  /** How much may pass between which addresses. */
  trafficRules: z.array(trafficRule).max(maxTrafficRules).default([]),
});
export type TrustUpdate = z.output<typeof trustUpdate>;

/** Of what a mover believes: another one after each change, and after each start of the mover. */
export const trustRevision = z.string().regex(/^[\w-]{1,64}$/);
/**
 * The answer to `PUT /trust`. Whoever sends it names in `If-Match` the revision that the mover had before the lists were read: where it
 * has another by now, it is refused with `request.changed`, whose context has the present `revision`, and the lists are read and sent
 * anew. So of two servers neither undoes what the other one has told since. Movers of an earlier version have no revisions.
 */
export const keptTrust = z.object({ revision: trustRevision.optional() });

/** `POST /repositories`, server only: makes the place for a repository. Repeating it is harmless. */
export const placeRepository = repositoryRef;
export const placedRepository = z.object({
  ...repositoryRef.shape,
  location: z.string(),
  freeBytes: z.number().optional(),
});

/** What a repository's name looks like. */
export const repositoryName = slug;
const foundRepository = z.object({
  name: slug,
  location: z.string(),
  /** The passwords that its key files have for recovery kits. */
  kitPasswords: z.array(sealedKitPassword),
});
export type FoundRepository = z.infer<typeof foundRepository>;
/** `GET /repositories?tenant=…&repository=…`, server only: what is in the storage after that name, whoever put it there. */
export const foundRepositories = z.object({ repositories: z.array(foundRepository), next: slug.optional() });

/** `GET /repositories/usage?tenant=…&repository=…`, server only: what the objects of a repository take. */
export const measuredRepository = z.object({ usedBytes: z.number().nonnegative(), objects: z.number().int() });

/** A file of a server's configuration, sealed to a recovery kit. Their names are in the order of their times. */
const configurationName = z.string().regex(/^\d{8}T\d{9}Z-[0-9a-f]{16}\.holdfast-configuration$/);
const configurationFile = z.strictObject({ installation: entityId, name: configurationName });

/** `PUT /configuration`, server only: a piece of such a file; offset 0 begins it anew. Repeating it is harmless. */
export const configurationPiece = z.strictObject({
  ...configurationFile.shape,
  offset: z.number().int().nonnegative(),
  data: z.base64().max(2 * 1024 * 1024),
});

/** `POST /configuration`, server only: the file is whole. Older ones of the installation go, but for `keep` with this one. */
export const configurationEnd = z.strictObject({
  ...configurationFile.shape,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  keep: z.number().int().min(1).max(10_000),
});
export const keptConfiguration = z.object({ location: z.string() });

/** `POST /sessions`, server only: admits one computer to one repository for one run. */
export const openSession = z.strictObject({
  sessionId: entityId,
  ...repositoryRef.shape,
  subject: z.string().max(200),
  fingerprint,
  mode: grantMode,
  /** Its computer gets what an executor publishes for this session, and nothing out of the repository itself. */
  viewOnly: z.literal(true).optional(),
  /** Its computer, an executor, publishes for that session. */
  publishesTo: entityId.optional(),
  /** What it is open for, for logs: the run, what that is a task of, and the request that asked for it. */
  run: entityId.optional(),
  session: entityId.optional(),
  request: entityId.optional(),
});
export type OpenSession = z.infer<typeof openSession>;

/** `GET /sessions/:id` and the answers to `POST /sessions` and `DELETE /sessions/:id`, with the lines of its log after `?logAfter=`. */
export const sessionStatus = z.object({
  sessionId: entityId,
  openChannels: z.number().int(),
  receivedBytes: z.number(),
  sentBytes: z.number(),
  objectsCreated: z.number().int(),
  log: z.array(logLine).max(maxTaskLogLines).default([]),
});
export type SessionStatus = z.infer<typeof sessionStatus>;

/**
 * `POST /sessions/:id/leases`, the session's computer only, with its grant: ports that it may dial. `POST /leases` with a
 * standing grant: likewise, of a session that the mover opens by itself.
 */
export const leaseRequest = z.strictObject({ count: z.number().int().min(1).max(16) });
export const leaseAnswer = z.object({
  channel: z.string(),
  leases: z.array(z.object({ port, nonce: leaseNonce })),
});
export type LeaseAnswer = z.infer<typeof leaseAnswer>;

/** `POST /sessions/:id/dial`, server only: the mover dials a port that the agent has leased on its computer. */
export const dialRequest = z.strictObject({ host, port, nonce: leaseNonce, fingerprint, channel: z.string().max(100) });
export type DialRequest = z.infer<typeof dialRequest>;

/** How much each channel was used by one process. */
export const channelUse = z.object({
  /** Printed, and any computer may have said it. */
  channel: z.string().regex(/^[a-z0-9-]{1,100}$/),
  ports: z.array(port).max(1_024),
  connectionsIn: z.number().int(),
  connectionsOut: z.number().int(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  lastUsedAt: z.iso.datetime().optional(),
});
export type ChannelUseReport = z.infer<typeof channelUse>;

/** More than all channels, both ways, with every kind of peer and error. */
const maxCounts = 8_192;
const count = z.number().int().nonnegative();

/**
 * The same by direction and kind of peer, with what was refused, over all processes of one data directory. Names are texts: a
 * newer program may know more channels than the one that reads.
 */
const channelReport = z.object({
  /** The program that counted: server, mover or agent. */
  process: z.string().max(100),
  /** What is not in it was not used since then. */
  since: isoTime,
  traffic: z
    .array(
      z.object({
        channel: z.string().max(100),
        direction: z.enum(['in', 'out']),
        peer: z.string().max(100),
        connections: count,
        openConnections: count,
        receivedBytes: count,
        sentBytes: count,
        lastUsedAt: isoTime,
      }),
    )
    .max(maxCounts),
  refusals: z
    .array(
      z.object({
        channel: z.string().max(100),
        direction: z.enum(['in', 'out']),
        reason: z.string().max(100),
        count,
        lastAt: isoTime,
      }),
    )
    .max(maxCounts),
});

/** `GET /use`, server only, and what an agent answers. Programs of an earlier version have no report. */
export const useAnswer = z.object({ channels: z.array(channelUse).max(1_000), report: channelReport.optional() });
export type UseAnswer = z.infer<typeof useAnswer>;

/** `GET /agents`, server only: the agents of this computer that have registered. `GET /agents/:id/tasks` upgrades to a relay to one. */
export const localAgents = z.object({ agents: z.array(entityId) });
