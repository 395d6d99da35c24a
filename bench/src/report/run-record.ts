import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Failure, RowResult, Sample } from './results.ts';

/** What `--json` keeps; `docs/benchmarks.md` is made of it. */
export interface RunRecord {
  readonly format: 3;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly machine: Machine;
  readonly rounds: number;
  readonly preset: string;
  readonly scale: number;
  /** Blobs in the index of the memory rows. */
  readonly indexBlobs: number;
  readonly dataSets: readonly { readonly name: string; readonly files: number; readonly bytes: number }[];
  readonly programs: readonly { readonly name: string; readonly version: string; readonly settings: string }[];
  readonly missingPrograms: readonly string[];
  readonly rows: readonly (RowResult & { readonly title: string; readonly target?: number })[];
  /** What the machine itself can do of a row's work; only of rows for which that was measured. */
  readonly limits: readonly MachineLimit[];
  readonly samples: readonly Sample[];
  readonly failures: readonly Failure[];
}

/** Reading, chunking, hashing, compressing, sealing, writing and syncing on all cores, and nothing else. */
export interface MachineLimit {
  readonly row: string;
  /** With Node's hash. */
  readonly oneByOneMs: number;
  /** With several hashes side by side; undefined where the processor gains nothing from that. */
  readonly lanesMs: number | undefined;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  /** SHA-256 in the processor decides how fast most of these programs are. Undefined where the system does not tell. */
  readonly shaExtensions: boolean | undefined;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    system: `${process.platform} ${release()} ${process.arch}`,
    shaExtensions:
      process.platform === 'linux' ? /\b(sha_ni|sha2)\b/.test(readFileSync('/proc/cpuinfo', 'utf8')) : undefined,
  };
}
