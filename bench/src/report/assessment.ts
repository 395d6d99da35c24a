import type { ProgramInRow } from './results.ts';
import type { RunRecord } from './run-record.ts';

/** How the product stands in a row against what it aims at. */
export interface Assessment {
  readonly row: string;
  readonly speedRatio: number | undefined;
  readonly target: number | undefined;
  /** What the machine can do, with the faster way of hashing. */
  readonly limitMs: number | undefined;
  /** Of that limit, 1 is all. */
  readonly reached: number | undefined;
  readonly cpuMs: number | undefined;
  /** Of the peer that needs least. */
  readonly leastPeerCpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
  readonly allowedMemoryBytes: number | undefined;
  /** Undefined where nothing is aimed at, or there is nobody to compare with. */
  readonly speedMet: boolean | undefined;
  readonly memoryMet: boolean | undefined;
}

const subject = 'holdfast';
const memoryReference = 'restic';
/** Where the machine forbids the ratio, so much of what it can do is what is aimed at. */
const reachedTarget = 0.8;
/** Node itself, before it does anything. */
const nodeMemoryBytes = 60 * 1024 * 1024;
/** With a large index memory is also bounded by itself, whatever restic takes. */
const memoryBytesPerBlob = 64;
const memoryBesideIndexBytes = 300 * 1024 * 1024;
const isMemoryRow = (row: string): boolean => row.startsWith('memory-');

export function assess(record: RunRecord): readonly Assessment[] {
  return record.rows.flatMap(({ row, target, programs }) => {
    const own = programs.find(({ program }) => program === subject);
    if (!own) return [];
    const right = (entry: ProgramInRow): boolean => entry.outcome === 'right';
    const peers = programs.filter((entry) => entry.program !== subject && right(entry));
    const limit = record.limits.find((one) => one.row === row);
    const limitMs = limit && Math.min(limit.oneByOneMs, limit.lanesMs ?? limit.oneByOneMs);
    const ownMs = right(own) ? own.wallMs?.median : undefined;
    const reached = limitMs === undefined || ownMs === undefined ? undefined : limitMs / ownMs;
    const { speedRatio, cpuMs, peakMemoryBytes } = own;
    const speedMet =
      target === undefined || (speedRatio === undefined && right(own))
        ? undefined
        : (speedRatio ?? 0) >= target || (reached ?? 0) >= reachedTarget;
    const reference = peers.find(({ program }) => program === memoryReference)?.peakMemoryBytes;
    const allowedMemoryBytes = smallest([
      reference === undefined ? undefined : reference + nodeMemoryBytes,
      isMemoryRow(row) ? record.indexBlobs * memoryBytesPerBlob + memoryBesideIndexBytes : undefined,
    ]);
    const memoryMet =
      allowedMemoryBytes === undefined || peakMemoryBytes === undefined || !right(own)
        ? undefined
        : peakMemoryBytes <= allowedMemoryBytes;
    const leastPeerCpuMs = smallest(peers.map((entry) => entry.cpuMs));
    return [
      {
        row,
        speedRatio,
        target,
        limitMs,
        reached,
        cpuMs,
        leastPeerCpuMs,
        peakMemoryBytes,
        allowedMemoryBytes,
        speedMet,
        memoryMet,
      },
    ];
  });
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export const assessmentHeadings = [
  'row',
  'speed vs fastest peer',
  'aim',
  'limit s',
  'of the limit',
  'CPU s',
  'least peer CPU s',
  'peak MiB',
  'allowed MiB',
  'missed',
] as const;

export function assessmentCells(one: Assessment): readonly string[] {
  const missed = [
    one.speedMet === false ? 'speed' : '',
    one.cpuMs !== undefined && one.leastPeerCpuMs !== undefined && one.cpuMs > one.leastPeerCpuMs ? 'CPU' : '',
    one.memoryMet === false ? 'memory' : '',
  ].filter((what) => what !== '');
  return [
    one.row,
    times(one.speedRatio),
    times(one.target),
    shown(one.limitMs, 1000, 2),
    one.reached === undefined ? '–' : `${Math.round(one.reached * 100)} %`,
    shown(one.cpuMs, 1000, 2),
    shown(one.leastPeerCpuMs, 1000, 2),
    shown(one.peakMemoryBytes, 1024 ** 2, 0),
    shown(one.allowedMemoryBytes, 1024 ** 2, 0),
    missed.length === 0 ? '–' : missed.join(', '),
  ];
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '–' : `${ratio.toFixed(2)}×`;
}

function shown(value: number | undefined, unit: number, digits: number): string {
  return value === undefined ? '–' : (value / unit).toFixed(digits);
}
