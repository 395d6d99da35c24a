import { z } from 'zod';
import { maxListEntries } from '../limits.ts';
import { entityId, slug } from '../names.ts';

/** What routes of several subjects have in common. */

export const byId = z.strictObject({ id: entityId });
export const text = z.string().min(1).max(200);
export const paths = z.array(z.string().min(1).max(65_536)).max(maxListEntries);

/**
 * The declaration (`holdfast apply`) that something is of; absent: nobody's. In a body: left out, it stays; null: nobody's from now
 * on.
 */
export const managedBy = slug;
export const givenManagedBy = managedBy.nullable().optional();

/** Lists come in pages: `after` is what the page before gave as `next`. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(1000).optional(),
});

/** Of lists that can be counted as well. */
export const totalQuery = { total: z.stringbool().default(false) };
export const sortOrder = z.enum(['asc', 'desc']);

/** One page of a list; `next` is absent on the last one. */
export function pageOf<Name extends string, Item extends z.ZodType>(name: Name, item: Item) {
  return z.object({ [name]: z.array(item), next: z.string().optional() } as Record<Name, z.ZodArray<Item>> & {
    next: z.ZodOptional<z.ZodString>;
  });
}

/** With `total`, where it was asked for: how many there are on all pages. */
export function countedPageOf<Name extends string, Item extends z.ZodType>(name: Name, item: Item) {
  return pageOf(name, item).extend({ total: z.number().int().nonnegative().optional() });
}
