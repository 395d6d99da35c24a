import { HoldfastError } from '@holdfast/core';
import { personRole, schedule } from '@holdfast/protocol';
import { z } from 'zod';

const port = z.number().int().min(0).max(65535);

/** What an administrator may configure; unknown keys are refused, so that a slip is noticed. */
export const serverConfigSchema = z.strictObject({
  /** Address to listen on. */
  bind: z.string().min(1).max(253).default('0.0.0.0'),
  /** Channel id to the port, or the range of ports, that it listens on instead of the contract's; 0 lets the system choose. */
  ports: z.record(z.string(), z.union([port, z.strictObject({ from: port, to: port })])).default({}),
  /**
   * What to do when 10005 or 10006 is taken: `exact` refuses to start, because computers were told those ports; `fallback` takes
   * any free one and says so. 443 always has a fallback.
   */
  busyPorts: z.enum(['exact', 'fallback']).default('exact'),
  /** DNS names and addresses, besides the host name, that stand in the server's certificate for browsers and other clients. */
  names: z.array(z.string().min(1).max(253)).max(100).default([]),
  certificateLifetimeDays: z.number().min(0.001).max(825).default(90),
  /** Runs at once, over all agents; one agent always runs one at a time. */
  parallelRuns: z.number().int().min(1).max(1000).default(32),
  /** Of those, runs at once with one repository, and with all repositories of one mover. */
  parallelRunsPerRepository: z.number().int().min(1).max(1000).default(8),
  parallelRunsPerMover: z.number().int().min(1).max(1000).default(32),
  /** Ended sessions are kept so long. */
  historyDays: z.number().int().min(1).max(3_653).default(365),
  /** A run that takes longer fails. */
  maxRunHours: z.number().positive().max(500).default(168),
  /**
   * `postgres://user@host:5432/database?sslmode=verify-full`: the catalogue is there, and several instances may share it. Without
   * it, it is a file in the data directory.
   */
  database: z.string().min(1).max(2_000).optional(),
  /** A file of mode 0600 with the database's password. Without it the environment may give it: HOLDFAST_DATABASE_PASSWORD. */
  databasePasswordFile: z.string().min(1).max(4_096).optional(),
  /** Where people and programs reach the REST API, if it is not only an address: `https://backup.example.org`. Passkeys need it. */
  publicUrl: z.url({ protocol: /^https$/, hostname: z.regexes.domain }).optional(),
  /** The built console; without it that of the checkout. */
  consoleFolder: z.string().min(1).max(4_096).optional(),
  /** Files that CSV groups read are in this folder; without it lists can only be uploaded. */
  csvFolder: z.string().min(1).max(4_096).optional(),
  /** An agent without a backup for so long is unprotected. */
  unprotectedAfterDays: z.number().min(1).max(3650).default(7),
  /** One that was not seen for so long is told of as offline. */
  offlineAfterMinutes: z.number().min(1).max(525_600).default(60),
  people: z
    .strictObject({
      /** Sessions end when they were not used for so long, and when they are so old. */
      sessionIdleMinutes: z.number().min(1).max(1440).default(60),
      sessionHours: z.number().min(0.1).max(720).default(12),
      /** API tokens end at their date, and when they were not used for so long. */
      apiTokenIdleDays: z.number().min(1).max(366).default(90),
      /** Roles whose accounts need a second factor: nothing else is possible until one is set up. */
      secondFactorRoles: z.array(personRole).default([]),
      /** Whether a second administrator has to agree to deletions and the like. `auto`: as soon as there are two. */
      fourEyes: z.enum(['auto', 'on', 'off']).default('auto'),
      approvalHours: z.number().min(1).max(720).default(72),
    })
    .prefault({}),
  /** Backups of the server's own configuration, sealed to the recovery kit. */
  configurationBackup: z
    .strictObject({
      schedule: schedule.default({ kind: 'daily', at: '02:30' }),
      /** So many are kept, in each place. */
      copies: z.number().int().min(1).max(1_000).default(30),
      /** A folder of this computer, or one that is mounted; without it one in the data directory. */
      folder: z.string().min(1).max(4_096).optional(),
      /** Movers that get a copy beside their repositories, the first ones: so that the storage and the kit are enough. */
      movers: z.number().int().min(0).max(16).default(3),
    })
    .prefault({}),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});
export type ServerConfig = z.output<typeof serverConfigSchema>;
export type ServerConfigInput = z.input<typeof serverConfigSchema>;

/** Checks a configuration. Throws `usage.configuration` that names each wrong key. */
export function parseServerConfig(value: unknown): ServerConfig {
  const parsed = serverConfigSchema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(file)'}: ${issue.message}`);
  throw new HoldfastError('usage.configuration', {
    message: `The configuration of the server is wrong: ${problems.join('; ')}.`,
  });
}
