import type { LogLine } from '@holdfast/protocol';
import type { Tenant } from './schema.ts';

/** Who told the server of a line: nobody else, whoever works on the run, or the mover of its session. */
export type RunLogWriter = 'server' | 'worker' | 'mover';

/** The log of a run, in the order in which the server heard of its lines. */
interface RunLogTable {
  tenant: Tenant;
  runId: string;
  number: number;
  /** By the clock of whoever wrote it. */
  at: string;
  level: LogLine['level'];
  process: LogLine['process'];
  writer: RunLogWriter;
  message: string;
}

/** What of a run is too large for lists of runs. */
interface RunStatisticsTable {
  tenant: Tenant;
  runId: string;
  statisticsJson: string;
}

export interface RunRecordTables {
  runLog: RunLogTable;
  runStatistics: RunStatisticsTable;
}
