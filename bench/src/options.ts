import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { DataSetSizes } from './data/data-set.ts';
import { programNames } from './programs/find-programs.ts';
import { type Row, rows, selectRows } from './rows.ts';

export const usage = `usage: npm run bench [-- options]
Runs Holdfast and the backup programs that are found in .peers/bin (npm run peers) or on the PATH side by side.

  --rows LIST          rows or groups, separated by commas (default: all)
                       ${rows.map(({ id }) => id).join(', ')}; groups: backup, restore, check
  --programs LIST      of ${programNames.join(', ')} (default: all that are found)
  --rounds N           1 to 99 (default: 3)
  --scale X            size of the data, above 0 to 100 (default: 1 = 2 GiB in one file, 40,000 small files)
  --big-bytes N        size of the one big file before --scale (default: 2147483648)
  --small-files N      number of small files before --scale (default: 40000)
  --folder PATH        work here and keep the data sets for the next run (default: a temporary folder, removed)
  --json FILE          keep all numbers; - is standard output, instead of the table
  --write              write bench/results.json and docs/benchmarks.md
  --from FILE          no run: take the numbers that --json kept

Exit status: 0 all results are right, 1 a program failed or its result is wrong, 2 wrong command line, 130 interrupted.`;

export interface Options {
  readonly help: boolean;
  readonly rows: readonly Row[];
  readonly programs: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly sizes: DataSetSizes;
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
      rows: { type: 'string' },
      programs: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      'big-bytes': { type: 'string', default: String(2 * 1024 ** 3) },
      'small-files': { type: 'string', default: '40000' },
      folder: { type: 'string' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
      from: { type: 'string' },
    },
  });
  const scale = numberOf('--scale', values.scale, { min: 0.0001, max: 100 });
  const scaled = (name: string, text: string, max: number): number =>
    Math.max(1, Math.round(wholeNumberOf(name, text, { min: 1, max }) * scale));
  const programs = values.programs?.split(',') ?? programNames;
  const unknown = programs.filter((name) => !programNames.includes(name));
  if (unknown.length > 0) throw new Error(`--programs knows no ${unknown.join(', ')}: ${programNames.join(', ')}`);
  return {
    help: values.help,
    rows: values.rows === undefined ? rows : selectRows(values.rows.split(',')),
    programs,
    rounds: wholeNumberOf('--rounds', values.rounds, { min: 1, max: 99 }),
    scale,
    sizes: {
      bigBytes: scaled('--big-bytes', values['big-bytes'], 1024 ** 4),
      smallFiles: scaled('--small-files', values['small-files'], 100_000_000),
    },
    folder: pathOf(values.folder),
    json: values.json === '-' ? '-' : pathOf(values.json),
    write: values.write,
    from: pathOf(values.from),
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
