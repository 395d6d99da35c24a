import type { RowSpec } from './row-spec.ts';
import { cloudRows } from './rows/cloud.ts';
import { controlPlaneRows } from './rows/control-plane.ts';
import { dataRows } from './rows/data.ts';
import { deploymentRows } from './rows/deployment.ts';
import { distributionRows } from './rows/distribution.ts';
import { localRows } from './rows/local.ts';
import { objectStorageRows } from './rows/object-storage.ts';
import { servicesRows } from './rows/services.ts';
import { sharesRows } from './rows/shares.ts';

const all = [
  ...controlPlaneRows,
  ...dataRows,
  ...localRows,
  ...deploymentRows,
  ...distributionRows,
  ...objectStorageRows,
  ...cloudRows,
  ...sharesRows,
  ...servicesRows,
] as const;

export type RowId = (typeof all)[number]['id'];
export type Row = RowSpec & { readonly id: RowId };

/** What the source documents ask for: every row is a connection to build, or void with a reason. */
export const rows: readonly Row[] = all;

const byId: ReadonlyMap<string, Row> = new Map(rows.map((row) => [row.id, row]));

/** The row of that id; undefined when there is none. */
export function findRow(id: string): Row | undefined {
  return byId.get(id);
}
