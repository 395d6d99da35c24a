import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { DataSetSizes } from './data/data-set.ts';
import { programNames } from './programs/find-programs.ts';
import { groups, type Row, rows, selectRows } from './rows.ts';

/** Sizes before `--scale`. */
const presets: Readonly<Record<string, { readonly rounds: number; readonly sizes: DataSetSizes }>> = {
  quick: {
    rounds: 1,
    sizes: {
      bigBytes: 768 * 1024 ** 2,
      textBytes: 384 * 1024 ** 2,
      smallFiles: 10_000,
      tinyFiles: 50_000,
      mixedBytes: 512 * 1024 ** 2,
      historyFiles: 2_000,
      historyBackups: 10,
      indexBlobs: 500_000,
    },
  },
  standard: {
    rounds: 3,
    sizes: {
      bigBytes: 2 * 1024 ** 3,
      textBytes: 2 * 1024 ** 3,
      smallFiles: 40_000,
      tinyFiles: 200_000,
      mixedBytes: 2 * 1024 ** 3,
      historyFiles: 5_000,
      historyBackups: 50,
      indexBlobs: 5_000_000,
    },
  },
  full: {
    rounds: 3,
    sizes: {
      bigBytes: 4 * 1024 ** 3,
      textBytes: 4 * 1024 ** 3,
      smallFiles: 100_000,
      tinyFiles: 1_000_000,
      mixedBytes: 1024 ** 4,
      historyFiles: 10_000,
      historyBackups: 50,
      indexBlobs: 5_000_000,
    },
  },
};

export const usage = `usage: npm run bench [-- options]
Runs Holdfast and the backup programs that are found in .peers/bin (npm run peers, npm run bench:peers) or on the PATH
side by side.

  --preset NAME        how much data: quick (1 round, minutes), standard (the default), full (all of /usr, 4 GiB in one
                       file, 100,000 small files, 1,000,000 tiny ones: hours)
  --rows LIST          rows or groups, separated by commas (default: all)
                       ${wrapped(rows.map(({ id }) => id))}
                       groups: ${groups.join(', ')}
  --programs LIST      of ${programNames.join(', ')} (default: all that are found)
  --rounds N           1 to 99 (default: the preset's)
  --scale X            all sizes and numbers of the preset, times X: above 0 to 100 (default: 1)
  --big-bytes N        size of the one big file, of random bytes or of text, before --scale
  --small-files N      number of small files before --scale
  --no-limits          leave out what the machine itself can do, which each row is compared with
  --folder PATH        work here and keep the data sets for the next run (default: a temporary folder, removed)
  --json FILE          keep all numbers; - is standard output, instead of the table
  --write              write bench/results.json and docs/benchmarks.md
  --from FILE          no run: take the numbers that --json kept

Exit status: 0 all results are right, 1 a program failed or its result is wrong, 2 wrong command line, 130 interrupted.`;

export interface Options {
  readonly help: boolean;
  readonly preset: string;
  readonly rows: readonly Row[];
  readonly programs: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly sizes: DataSetSizes;
  /** Whether the machine's own limits are measured. */
  readonly limits: boolean;
  readonly folder: string | undefined;
  readonly json: string | undefined;
  readonly write: boolean;
  readonly from: string | undefined;
}

/** Throws with a message for the person when the command line is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      preset: { type: 'string', default: 'standard' },
      rows: { type: 'string' },
      programs: { type: 'string' },
      rounds: { type: 'string' },
      scale: { type: 'string', default: '1' },
      'big-bytes': { type: 'string' },
      'small-files': { type: 'string' },
      'no-limits': { type: 'boolean', default: false },
      folder: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
      from: { type: 'string' },
    },
  });
  const preset = Object.hasOwn(presets, values.preset) ? presets[values.preset] : undefined;
  if (!preset) throw new Error(`--preset knows no ${values.preset}: ${Object.keys(presets).join(', ')}`);
  const scale = numberOf('--scale', values.scale, { min: 0.0001, max: 100 });
  const programs = values.programs?.split(',') ?? programNames;
  const unknown = programs.filter((name) => !programNames.includes(name));
  if (unknown.length > 0) throw new Error(`--programs knows no ${unknown.join(', ')}: ${programNames.join(', ')}`);
  const given = (name: 'big-bytes' | 'small-files', max: number): number | undefined =>
    values[name] === undefined ? undefined : wholeNumberOf(`--${name}`, values[name], { min: 1, max });
  const bigBytes = given('big-bytes', 1024 ** 4);
  return {
    help: values.help,
    preset: values.preset,
    rows: values.rows === undefined ? rows : selectRows(values.rows.split(',')),
    programs,
    rounds: values.rounds === undefined ? preset.rounds : wholeNumberOf('--rounds', values.rounds, { min: 1, max: 99 }),
    scale,
    sizes: scaled(
      {
        ...preset.sizes,
        ...(bigBytes === undefined ? {} : { bigBytes, textBytes: bigBytes }),
        smallFiles: given('small-files', 100_000_000) ?? preset.sizes.smallFiles,
      },
      scale,
    ),
    limits: !values['no-limits'],
    folder: pathOf(values.folder),
    json: values.json === '-' ? '-' : pathOf(values.json),
    write: values.write,
    from: pathOf(values.from),
  };
}

/** The mean of what a history is pruned to must stay a history: at least two backups, of which one is kept. */
const minimumBackups = 2;
/** The large index is at least two packs. */
const minimumIndexBlobs = 10_000;

function scaled(sizes: DataSetSizes, scale: number): DataSetSizes {
  const times = (value: number, min = 1): number => Math.max(min, Math.round(value * scale));
  return {
    bigBytes: times(sizes.bigBytes),
    textBytes: times(sizes.textBytes),
    smallFiles: times(sizes.smallFiles),
    tinyFiles: times(sizes.tinyFiles),
    mixedBytes: times(sizes.mixedBytes, 1024 ** 2),
    historyFiles: times(sizes.historyFiles, 100),
    historyBackups: Math.min(sizes.historyBackups, times(sizes.historyBackups * 10, minimumBackups)),
    indexBlobs: times(sizes.indexBlobs, minimumIndexBlobs),
  };
}

/** npm runs scripts in the package's folder, and says where the person was. */
function pathOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(process.env['INIT_CWD'] ?? '.', path);
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function numberOf(name: string, text: string, { min, max }: Range): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max))
    throw new Error(`${name} takes a number from ${min} to ${max}, not ${text}`);
  return value;
}

function wholeNumberOf(name: string, text: string, range: Range): number {
  const value = numberOf(name, text, range);
  if (!Number.isInteger(value)) throw new Error(`${name} takes a whole number, not ${text}`);
  return value;
}

/** A list over several lines of the usage. */
function wrapped(names: readonly string[]): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + name.length < 90) lines[lines.length - 1] = `${last}, ${name}`;
    else lines.push(name);
  }
  return lines.join(`,\n${' '.repeat(23)}`);
}
