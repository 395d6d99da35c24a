import type { Answer } from '@holdfast/protocol';

type Sample = Answer<'runStatistics'>['samples'][number];

export interface Speed {
  /** From the first sample to the end of this stretch. */
  readonly elapsedMs: number;
  readonly bytesPerSecond: number;
}

/** How fast a task was between each two samples. What it counted again after an interruption is no negative speed. */
export function speedsOf(samples: readonly Sample[]): readonly Speed[] {
  const first = Date.parse(samples[0]?.at ?? '');
  return samples.slice(1).flatMap(({ at, bytesDone }, before) => {
    const last = samples[before];
    const tookMs = Date.parse(at) - Date.parse(last?.at ?? '');
    if (!last || tookMs <= 0) return [];
    const bytesPerSecond = Math.max(0, ((bytesDone - last.bytesDone) * 1000) / tookMs);
    return [{ elapsedMs: Date.parse(at) - first, bytesPerSecond }];
  });
}
