import type { Migration } from 'kysely/migration';
import { firstSchema } from './migrations/0001-first-schema.ts';
import { preinstalled } from './migrations/0002-preinstalled.ts';

/** Steps from an empty database to the present schema. A step that was released is never changed; add one after it. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-schema': { up: firstSchema },
  '0002-preinstalled': { up: preinstalled },
};
