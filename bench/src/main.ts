/** `npm run bench [-- options]`: side by side with other backup programs; `--help` lists the options. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchmarkEvent, runBenchmark } from './benchmark.ts';
import { limitRepeats } from './limits.ts';
import { measureLimits } from './machine/measure-limits.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { findPrograms } from './programs/find-programs.ts';
import { renderPage } from './report/page.ts';
import { summarise } from './report/results.ts';
import { type MachineLimit, type RunRecord, thisMachine } from './report/run-record.ts';
import { renderTable } from './report/table.ts';

const root = join(import.meta.dirname, '..', '..');
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    console.log(usage);
    return 0;
  }
  try {
    const record = options.from === undefined ? await run(options) : readRecord(options.from);
    publish(record, options);
    return record.failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

async function run(options: Options): Promise<RunRecord> {
  const { programs, missing } = findPrograms(options.programs);
  if (missing.length > 0) console.error(`Not found, so left out: ${missing.join(', ')}`);
  if (programs.length === 0) throw new Error('none of the programs is there');
  const startedAt = new Date();
  const workFolder = mkdtempSync(join(options.folder ? made(options.folder) : tmpdir(), 'holdfast-bench-'));
  try {
    const { signal } = interrupted;
    const folders = { workFolder, dataFolder: made(join(options.folder ?? workFolder, 'data')) };
    const result = await runBenchmark({ ...options, ...folders, programs, signal, onEvent: report });
    const limits = options.limits
      ? await measureLimits({
          ...options,
          ...folders,
          repeats: Math.min(options.rounds, limitRepeats),
          signal,
          onLimit: reportLimit,
        })
      : [];
    const order = { rows: options.rows.map(({ id }) => id), programs: programs.map(({ name }) => name) };
    const known = new Map(options.rows.map((row) => [row.id, row]));
    return {
      format: 3,
      startedAt: startedAt.toISOString(),
      durationMs: Math.round(Date.now() - startedAt.getTime()),
      machine: thisMachine(),
      rounds: options.rounds,
      preset: options.preset,
      scale: options.scale,
      indexBlobs: options.sizes.indexBlobs,
      programs: programs.map(({ name, version, settings }) => ({ name, version, settings })),
      missingPrograms: missing,
      rows: summarise(order, result.samples, result.failures).map((row) => {
        const { title = row.row, target } = known.get(row.row) ?? {};
        return { ...row, title, ...(target === undefined ? {} : { target }) };
      }),
      limits,
      ...result,
    };
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

/** A line for each thing that happened, while the person waits. */
function report(event: BenchmarkEvent): void {
  if (event.kind === 'scenario') console.error(`${event.name} …`);
  else if (event.kind === 'sample') {
    const { row, program, round, wallMs } = event.sample;
    console.error(
      `round ${round}  ${row.padEnd(20)} ${program.padEnd(10)} ${(wallMs / 1000).toFixed(2).padStart(8)} s`,
    );
  } else {
    const { program, round, kind, message } = event.failure;
    console.error(`round ${round}  ${program} ${kind === 'wrong' ? 'gave a wrong result' : 'failed'}: ${message}`);
  }
}

function reportLimit({ row, oneByOneMs, lanesMs }: MachineLimit): void {
  const seconds = (ms: number | undefined): string => (ms === undefined ? '–' : (ms / 1000).toFixed(2)).padStart(8);
  console.error(`limit    ${row.padEnd(20)} ${seconds(oneByOneMs)} s, hashing side by side ${seconds(lanesMs)} s`);
}

function publish(record: RunRecord, { json, write }: Options): void {
  const text = `${JSON.stringify(record, undefined, 2)}\n`;
  if (json === '-') process.stdout.write(text);
  else console.log(renderTable(record));
  if (json !== undefined && json !== '-') writeFileSync(json, text);
  if (!write) return;
  writeFileSync(join(root, 'bench', 'results.json'), text);
  writeFileSync(join(root, 'docs', 'benchmarks.md'), renderPage(record));
}

function readRecord(path: string): RunRecord {
  const record = JSON.parse(readFileSync(path, 'utf8')) as RunRecord;
  if (record.format !== 3) throw new Error(`${path} is not of this version of the benchmark`);
  return record;
}

function made(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}
