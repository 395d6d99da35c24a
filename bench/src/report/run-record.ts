import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Failure, RowResult, Sample } from './results.ts';

/** What `--json` keeps; `docs/benchmarks.md` is made of it. */
export interface RunRecord {
  readonly format: 1;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly machine: Machine;
  readonly rounds: number;
  readonly scale: number;
  readonly dataSets: readonly { readonly name: string; readonly files: number; readonly bytes: number }[];
  readonly programs: readonly { readonly name: string; readonly version: string; readonly settings: string }[];
  readonly missingPrograms: readonly string[];
  readonly rows: readonly (RowResult & { readonly title: string })[];
  readonly samples: readonly Sample[];
  readonly failures: readonly Failure[];
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
