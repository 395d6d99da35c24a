import { z } from 'zod';
import { entityId, fingerprint, host, port, slug, tenantId } from './names.ts';

/** Who dials the data channels: the agent, as a rule, or the mover where no path leads from the agent to it. */
export const dataDirection = z.enum(['agent-dials', 'mover-dials']);
export type DataDirection = z.infer<typeof dataDirection>;

/** Everything an agent needs to reach one repository. Holds secrets: travels inside the end-to-end TLS of a task connection only, never to a log. */
export const repositoryAccess = z.strictObject({
  tenant: tenantId,
  repository: slug,
  /** Left out where only the computer that does the task has it: the zero-knowledge mode. */
  password: z.string().min(1).max(4096).optional(),
  grant: z.string().max(8192),
  /** The session at the mover. None with a standing grant, by which the mover opens one itself. */
  sessionId: entityId.optional(),
  mover: z.strictObject({ id: entityId, host, port, fingerprint }),
  direction: dataDirection,
});
export type RepositoryAccess = z.infer<typeof repositoryAccess>;
