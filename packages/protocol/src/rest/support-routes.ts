import { z } from 'zod';
import { route } from '../route.ts';

/** What goes to whoever helps with an installation. */
export const supportRoutes = {
  supportBundle: route('supportBundle', 'GET', '/api/v1/support-bundle', {
    access: 'server.manage',
    stepUp: true,
    summary:
      'How the server is and was, without secrets, as an archive (.tar.gz) with a manifest of what is in it and what is not',
    tag: 'server',
    query: z.strictObject({
      /** Puts pseudonyms in the place of names of computers, people and the like, addresses and paths. */
      anonymise: z.enum(['true', 'false']).default('false'),
    }),
    bytes: 'application/gzip',
    response: z.string(),
  }),
} as const;
