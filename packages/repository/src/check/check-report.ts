import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';

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
  /** Those that were followed. */
  readonly snapshots: number;
  /** All that can be read. */
  readonly allSnapshots: number;
  readonly indexFiles: number;
  readonly packs: number;
  readonly blobs: number;
  /** Trees that snapshots reach. */
  readonly trees: number;
  /** Blobs that no snapshot needs: what pruning would free. Undefined when only some snapshots were followed. */
  readonly unusedBlobs: number | undefined;
  /** Bytes of packs that were read and verified; 0 without `readData`. */
  readonly bytesRead: number;
  /** Packs that are there but damaged, sorted: what `repair packs` takes. */
  readonly brokenPacks: readonly ObjectId[];
  /** The index and the packs do not agree: `repair index` makes them. */
  readonly suggestRepairIndex: boolean;
  /** Packs that no index file lists, or that mix trees and data: pruning tidies them up. */
  readonly suggestPrune: boolean;
}

/** Collects problems up to the bound. */
export class ProblemList {
  readonly problems: CheckProblem[] = [];
  readonly brokenPacks = new Set<ObjectId>();
  errors = 0;
  warnings = 0;

  add(severity: CheckSeverity, object: string, message: string): void {
    if (severity === 'error') this.errors += 1;
    else this.warnings += 1;
    if (this.problems.length < limits.checkMaxProblems) this.problems.push({ severity, object, message });
  }

  /** A pack that is there but wrong. */
  broken(id: ObjectId, message: string): void {
    if (this.brokenPacks.size < limits.checkMaxProblems) this.brokenPacks.add(id);
    this.add('error', `pack ${id}`, message);
  }

  /** What was found at the same time by others, by its object: who was quicker must not show. */
  append(other: ProblemList): void {
    this.errors += other.errors;
    this.warnings += other.warnings;
    for (const id of other.brokenPacks) this.brokenPacks.add(id);
    const ordered = other.problems.toSorted((left, right) =>
      left.object < right.object ? -1 : Number(left.object > right.object),
    );
    this.problems.push(...ordered.slice(0, limits.checkMaxProblems - this.problems.length));
  }
}
