import { isAbsolute } from 'node:path';
import { isChannelId } from '@holdfast/contract';
import { z } from 'zod';

const port = z.number().int().min(1).max(65_535);
const range = z.strictObject({ from: port, to: port }).refine(({ from, to }) => from <= to, 'from is above to');

const path = z.string().min(1).max(65_536);
const absolutePath = path.refine(isAbsolute, 'has to be an absolute path');

/** What the agent does for its server with backups whose key only this computer has. */
const zeroKnowledge = z.strictObject({
  /** What is backed up, whatever the server says; left out: what the server says. */
  sources: z.array(absolutePath).min(1).max(1_000).optional(),
  /** With `sources`. */
  excludes: z.array(path).max(10_000).default([]),
  oneFileSystem: z.boolean().default(false),
  /** Folders that the server may have backups restored to; it may overwrite what is in them. */
  restoreTo: z.array(absolutePath).max(100).default([]),
});
export type ZeroKnowledgeConfig = z.output<typeof zeroKnowledge>;

/** The configuration file of `holdfast agent`. */
export const noZeroKnowledgeOptions = zeroKnowledge.parse({});

export const agentConfigSchema = z.strictObject({
  /** Address that ports are leased on, for movers that dial in, and that the service listens on (Windows). */
  bind: z.string().min(1).max(253).default('0.0.0.0'),
  /** Where the server is now, if not where it was when this computer enrolled. */
  server: z.strictObject({ host: z.string().min(1).max(253), port: port.optional() }).optional(),
  /** Channel id to port or range, where they are not the contract's. */
  ports: z
    .partialRecord(z.string().refine(isChannelId, 'no such channel; `holdfast ports list` prints them'), port.or(range))
    .default({}),
  /** Open the host's own firewall for each leased port, as the mover's option of that name does. Needs the right to change it. */
  firewallLeases: z.boolean().default(false),
  /** Socket of this computer's mover, for the server's calls on 6162; `holdfast agent` looks where `holdfast mover` listens. */
  moverSocket: z.string().min(1).max(4096).optional(),
  /**
   * Jobs and policies may have scripts of this folder run, by name, before and after backups; as whom the agent runs, so mostly as
   * root. Only root may be able to change them and the folders that they are in. None without it.
   */
  scripts: z
    .strictObject({ folder: z.string().min(1).max(4096).refine(isAbsolute, 'say an absolute path') })
    .optional(),
  /** Only with a key of its own (`holdfast zero-knowledge setup`): without that file nothing is backed up when this is set. */
  zeroKnowledge: zeroKnowledge.optional(),
  /** Where restore drills restore to, in repositories that this computer is the executor of; else `drills` in its data directory. */
  drillFolder: absolutePath.optional(),
  /** Whether a browser on this computer may open the agent's control panel (`holdfast panel`), on the loopback interface. */
  controlPanel: z.boolean().default(true),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});
export type AgentConfig = z.output<typeof agentConfigSchema>;
