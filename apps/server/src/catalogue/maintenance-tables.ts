import type { RansomwareAlert, Run } from '@holdfast/protocol';
import type { Tenant } from './schema.ts';

/** What the server does in repositories by itself, and what it found there. */

/** Of each repository and kind of work that comes by itself. */
export interface MaintenanceStatesTable {
  tenant: Tenant;
  repositoryId: string;
  kind: Run['kind'];
  /** What was due until then was seen to. */
  since: string;
  /** Since when it is due and waits for the executor to be there. */
  delayedSince: string | null;
  /** Of the parts in which contents are read, the one that was read last. */
  part: number;
  lastRunId: string | null;
}

/** What of a backup looks like the work of ransomware, and what people said of it. */
export interface RansomwareAlertsTable {
  tenant: Tenant;
  id: string;
  raisedAt: string;
  /** Whose files. */
  agentId: string;
  hostname: string;
  repositoryId: string;
  snapshotId: string;
  /** The earlier backup that it was compared with. */
  comparedWith: string;
  /** `RansomwareFinding`s. */
  findingsJson: string;
  state: RansomwareAlert['state'];
  settledAt: string | null;
  /** As the audit names whoever it was. */
  settledBy: string | null;
}
