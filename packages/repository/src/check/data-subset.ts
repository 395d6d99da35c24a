import { HoldfastError } from '@holdfast/core';

/** Which packs a check reads: all, every t-th by the beginning of their names, a share, or so many bytes at random. */
export type DataSubset =
  | { readonly kind: 'part'; readonly part: number; readonly of: number }
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'size'; readonly sizeBytes: number };

const units: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** restic's `--read-data-subset`: `3/10`, `2.5%`, `500M`. @throws usage.option */
export function parseDataSubset(text: string): DataSubset {
  const part = /^(\d{1,3})\/(\d{1,3})$/.exec(text);
  if (part !== null) {
    const [number, of] = [Number(part[1]), Number(part[2])];
    // The first byte of a name decides, so there are at most 256 parts.
    if (number >= 1 && number <= of && of <= 256) return { kind: 'part', part: number, of };
  }
  const percent = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(text);
  if (percent !== null && Number(percent[1]) > 0 && Number(percent[1]) <= 100)
    return { kind: 'percent', percent: Number(percent[1]) };
  const size = /^(\d{1,12})([kmgt])$/i.exec(text);
  const sizeBytes = Number(size?.[1] ?? 0) * (units[(size?.[2] ?? 'k').toLowerCase()] ?? 0);
  if (size !== null && sizeBytes > 0) return { kind: 'size', sizeBytes };
  throw new HoldfastError('usage.option', {
    message: `${JSON.stringify(text.slice(0, 80))} is no subset of the data.`,
    guidance: 'Give n/t (part n of t, both up to 256), a percentage up to 100% such as 2.5%, or a size such as 500M.',
  });
}

interface SizedPack {
  readonly id: string;
  readonly sizeBytes: number;
}

/**
 * The packs of a subset. Parts are the same in every run, so t runs read everything; the others are drawn anew each time
 * by `random`, which gives numbers from 0 to below 1. At least one pack, where there is any, except for parts.
 */
export function choosePacks<Pack extends SizedPack>(
  packs: readonly Pack[],
  subset: DataSubset,
  random: () => number,
): readonly Pack[] {
  if (subset.kind === 'part')
    return packs.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) % subset.of === subset.part - 1);
  const totalBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const percent = subset.kind === 'percent' ? subset.percent : Math.min(100, (subset.sizeBytes / totalBytes) * 100);
  const count = Math.min(packs.length, Math.max(1, Math.floor((packs.length * percent) / 100)));
  // Fisher and Yates, as far as needed.
  const drawn = [...packs];
  for (let at = 0; at < count; at += 1) {
    const from = at + Math.floor(random() * (drawn.length - at));
    const [taken, here] = [drawn[from], drawn[at]];
    if (taken === undefined || here === undefined) break;
    drawn[at] = taken;
    drawn[from] = here;
  }
  return drawn.slice(0, count);
}
