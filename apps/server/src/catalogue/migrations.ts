import type { Migration } from 'kysely/migration';
import { firstSchema } from './migrations/0001-first-schema.ts';
import { preinstalled } from './migrations/0002-preinstalled.ts';
import { people } from './migrations/0003-people.ts';
import { inventory } from './migrations/0004-inventory.ts';
import { jobs } from './migrations/0005-jobs.ts';
import { maintenance } from './migrations/0006-maintenance.ts';
import { instances } from './migrations/0008-instances.ts';
import { idempotency } from './migrations/0009-idempotency.ts';
import { policies } from './migrations/0010-policies.ts';
import { receipts } from './migrations/0011-receipts.ts';
import { recovery } from './migrations/0012-recovery.ts';
import { identity } from './migrations/0013-identity.ts';
import { operations } from './migrations/0014-operations.ts';
import { auditIntents } from './migrations/0015-audit-intents.ts';
import { oauth } from './migrations/0016-oauth.ts';
import { declarations } from './migrations/0017-declarations.ts';
import { bandwidthRules } from './migrations/0018-bandwidth-rules.ts';
import { runRecords } from './migrations/0019-run-records.ts';
import { zeroKnowledge } from './migrations/0021-zero-knowledge.ts';
import { fleetSize } from './migrations/0022-fleet-size.ts';
import { requestIds } from './migrations/0023-request-ids.ts';
import { serviceAccounts } from './migrations/0024-service-accounts.ts';
import { overview } from './migrations/0025-overview.ts';
import { runsUnderWay } from './migrations/0026-runs-under-way.ts';
import { ransomware } from './migrations/0027-ransomware.ts';
import { listOrders } from './migrations/0028-list-orders.ts';
import { queueOfAFleet } from './migrations/0029-queue-of-a-fleet.ts';

/**
 * Steps from an empty database to the present schema. A step that was released is never changed; add one after it. Each runs on
 * SQLite and on PostgreSQL:
 *
 * - Types are `integer`, `text`, `real` and `blob`, which `PostgresTypes` makes PostgreSQL's own (8-byte integers, texts that
 *   compare by their bytes). Truth values are 0 and 1, times ISO 8601 in UTC, structures JSON in a text.
 * - A generated key is `integer` with `primaryKey().autoIncrement()`. On PostgreSQL its order is not that of commits, and
 *   it has gaps.
 * - Names of indexes are unique in the whole database, those of tables and columns are quoted in raw SQL (`sql\`"usesLeft" >= 0\``).
 * - Every table has `tenant`, in its primary key or a unique constraint, and in every foreign key. Foreign keys are made with
 *   their table: SQLite adds none later, changes no column's type, and drops no column that something refers to.
 * - Queries: `like` looks at upper and lower case on PostgreSQL only (compare `lower(…)` of both); whatever is selected beside
 *   an aggregate has to stand in `group by`; a row order is only what `order by` says.
 */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-schema': { up: firstSchema },
  '0002-preinstalled': { up: preinstalled },
  '0003-people': { up: people },
  '0004-inventory': { up: inventory },
  '0005-jobs': { up: jobs },
  '0006-maintenance': { up: maintenance },
  '0008-instances': { up: instances },
  '0009-idempotency': { up: idempotency },
  '0010-policies': { up: policies },
  '0011-receipts': { up: receipts },
  '0012-recovery': { up: recovery },
  '0013-identity': { up: identity },
  '0014-operations': { up: operations },
  '0015-audit-intents': { up: auditIntents },
  '0016-oauth': { up: oauth },
  '0017-declarations': { up: declarations },
  '0018-bandwidth-rules': { up: bandwidthRules },
  '0019-run-records': { up: runRecords },
  '0021-zero-knowledge': { up: zeroKnowledge },
  '0022-fleet-size': { up: fleetSize },
  '0023-request-ids': { up: requestIds },
  '0024-service-accounts': { up: serviceAccounts },
  '0025-overview': { up: overview },
  '0026-runs-under-way': { up: runsUnderWay },
  '0027-ransomware': { up: ransomware },
  '0028-list-orders': { up: listOrders },
  '0029-queue-of-a-fleet': { up: queueOfAFleet },
};
