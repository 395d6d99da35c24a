import { limits } from './limits.ts';

/** An error means that something is lost or wrong; a warning that something is untidy but complete. */
export type CheckSeverity = 'error' | 'warning';

export interface CheckProblem {
  readonly severity: CheckSeverity;
  /** The object that is affected, with its full id: `pack 1a2b…`. */
  readonly object: string;
  readonly message: string;
}

export interface CheckReport {
  /** The first 10,000; `errors` and `warnings` count all. */
  readonly problems: readonly CheckProblem[];
  readonly errors: number;
  readonly warnings: number;
  readonly snapshots: number;
  readonly indexFiles: number;
  readonly packs: number;
  readonly blobs: number;
  /** Trees that snapshots reach. */
  readonly trees: number;
  /** Blobs that no snapshot needs: what pruning would free. */
  readonly unusedBlobs: number;
  /** Bytes of packs that were read and verified; 0 without `readData`. */
  readonly bytesRead: number;
}

/** Collects problems up to the bound. */
export class ProblemList {
  readonly problems: CheckProblem[] = [];
  errors = 0;
  warnings = 0;

  add(severity: CheckSeverity, object: string, message: string): void {
    if (severity === 'error') this.errors += 1;
    else this.warnings += 1;
    if (this.problems.length < limits.checkMaxProblems) this.problems.push({ severity, object, message });
  }
}
