import { z } from 'zod';
import { maxListEntries } from '../limits.ts';
import { entityId } from '../names.ts';

/** What routes of several subjects have in common. */

export const byId = z.strictObject({ id: entityId });
export const text = z.string().min(1).max(200);
export const paths = z.array(z.string().min(1).max(65_536)).max(maxListEntries);
export const pageQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });
