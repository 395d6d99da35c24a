import { channels } from '@holdfast/contract';
import { z } from 'zod';

const port = z.number().int().min(1).max(65_535);
/** 0: any free port, for tests. */
const portOrAny = z.number().int().min(0).max(65_535);
const range = z.strictObject({ from: port, to: port }).refine(({ from, to }) => from <= to, 'from is above to');
const bytes = z.number().int().positive();

/** `tenant/repository`. */
const repositoryName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9-]{0,62}$/);

export const quotas = z.strictObject({
  /** Bytes that a repository without an entry of its own may take; none: the disk's size is the limit. */
  defaultBytes: bytes.optional(),
  repositories: z.record(repositoryName, bytes).default({}),
});
export type Quotas = z.output<typeof quotas>;

/** The configuration file of `holdfast mover`. */
export const moverConfigSchema = z.strictObject({
  /**
   * Folder in which every repository has one of its own: `<tenant>/<repository>`. Mode 0700; the mover's user owns it.
   * `repositories` in the data directory unless given.
   */
  storageRoot: z.string().min(1).optional(),
  /** Address that 6162 and the data range are opened on. */
  bind: z.string().default('0.0.0.0'),
  /** Where the server is now, if not where it was when this computer enrolled. */
  server: z.strictObject({ host: z.string().min(1).max(253), port: port.optional() }).optional(),
  /** Channel id to port or range, where they are not the contract's. */
  ports: z.partialRecord(z.enum(channels.map(({ id }) => id)), portOrAny.or(range)).default({}),
  /**
   * What to do when 6162 is taken: `exact` refuses to start, because firewalls were opened for it; `fallback` takes any free
   * port and says so. The server learns the port either way.
   */
  busyPorts: z.enum(['exact', 'fallback']).default('exact'),
  /**
   * Open the host's own firewall for each leased port, for its peer and as long as it waits: for rules of nftables or firewalld
   * that `holdfast ports plan --leases` wrote. Needs the right to change it: CAP_NET_ADMIN, or that of firewalld's.
   */
  firewallLeases: z.boolean().default(false),
  /** Unix socket (or named pipe) on which the agents of this computer register. */
  localSocket: z.string().min(1).optional(),
  quotas: quotas.prefault({}),
  /**
   * Folder in which restore drills restore to, each to a folder of its own that is removed afterwards: on a disk with room for what a
   * drill restores. `drills` in the data directory unless given.
   */
  drillFolder: z.string().min(1).optional(),
});
export type MoverConfig = z.output<typeof moverConfigSchema>;
