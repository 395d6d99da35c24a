/**
 * `npm test [-- FILTER …]`: the checks of the workspace and every test, or only the files whose path contains a filter.
 *   --verbose           a line for every test instead of one for every file
 *   --name PATTERN      only tests whose name matches
 *   --long              the long tests instead (npm run test:long)
 * The output ends with the closing lines of Node's test runner. With CI=true, a test of `required-tests.json` that was
 * skipped fails the run.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { missedTests, parseRequiredTests } from './testing/required-tests.ts';
import { findTestFiles } from './testing/test-files.ts';
import { TestRecord } from './testing/test-record.ts';
import { TestReport } from './testing/test-report.ts';

/**
 * Files that start whole systems wait half of their time for something: two at once leave two cores idle. More than four make
 * them too slow for their own limits.
 */
const concurrency = { least: 3, most: 4 };
/** One file that hangs must not use up everybody's time; whole fleets take minutes where four of them share two busy cores. */
const fileLimitMs = 15 * 60_000;
/** The aim is 15 minutes on two cores; the limit leaves room for a machine that others use too: what is cut off is not tested. */
const totalLimitMs = 70 * 60_000;
const longTotalLimitMs = 6 * 3_600_000;
/** They open the console as it is built. */
const browserTests = /^tests\/src\/console\//;
/** Kept of each file's output, for when it fails. */
const keptOutputCharacters = 64_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: join(import.meta.dirname, '..') },
    verbose: { type: 'boolean', default: false },
    name: { type: 'string' },
    long: { type: 'boolean', default: false },
    'limit-ms': { type: 'string' },
  },
});
const root = resolve(values.root);
const limitMs = values['limit-ms'] ? Number(values['limit-ms']) : values.long ? longTotalLimitMs : totalLimitMs;
const files = findTestFiles({ root, filters: positionals, long: values.long });
const report = new TestReport({
  color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  write: (line) => console.log(line),
});
if (files.length === 0) {
  console.error(`No test file's path contains ${positionals.join(' or ')}.`);
  process.exit(2);
}

// Once for all tests that open it in a browser.
if (files.some((file) => browserTests.test(file)))
  spawnSync(process.execPath, [join(import.meta.dirname, 'build-console.ts'), '--if-needed'], { stdio: 'inherit' });

// Nearly every file loads the same modules, and starts processes that do: compiled once for all of them.
const compiled = mkdtempSync(join(tmpdir(), 'holdfast-test-compiled-'));
process.once('exit', () => rmSync(compiled, { recursive: true, force: true }));
process.env['NODE_COMPILE_CACHE'] = compiled;

const stop = new AbortController();
const limit = setTimeout(() => stop.abort(), limitMs);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const record = new TestRecord(root);
const outputs = new Map<string, string>();
const closingLines: string[] = [];
const problems: string[] = [];
const verbose = values.verbose || positionals.length > 0;

const events = run({
  cwd: root,
  files: files.map((file) => join(root, file)),
  concurrency: Math.max(concurrency.least, Math.min(concurrency.most, availableParallelism())),
  execArgv: ['--import', new URL('testing/fixed-seed.ts', import.meta.url).href],
  timeout: values.long ? limitMs : Math.min(fileLimitMs, limitMs),
  signal: stop.signal,
  ...(values.name === undefined ? {} : { testNamePatterns: [values.name] }),
});
for await (const event of events as AsyncIterable<TestEvent>) {
  const result = record.add(event);
  if (result && result.name === result.file && result.outcome === 'passed') {
    record.results.pop();
    // With --name a file may well have nothing that matches.
    if (values.name === undefined) problems.push(`${result.file} has no tests`);
  } else if (result && (verbose || result.name === result.file)) report.test(result);
  if (event.type === 'test:stdout' || event.type === 'test:stderr') keepOutput(event.data.file, event.data.message);
  if (event.type === 'test:summary' && event.data.file !== undefined)
    report.file(relative(event.data.file), record.of(relative(event.data.file)), event.data.duration_ms);
  if (event.type === 'test:diagnostic' && event.data.file === undefined) closingLines.push(event.data.message);
}
clearTimeout(limit);

report.failures(record, outputs);
report.skipped(record);
if (stop.signal.aborted)
  problems.push(`stopped after ${Math.round(performance.now() / 1000)} s: not every test has run`);
checkRequiredTests();
for (const problem of problems) report.line(`\n${problem}`, 'red');
console.log('');
for (const line of closingLines) console.log(`ℹ ${line}`);
process.exitCode = problems.length > 0 || record.results.some(({ outcome }) => outcome === 'failed') ? 1 : 0;

function checkRequiredTests(): void {
  if (values.long || values.name !== undefined) return;
  const required = parseRequiredTests(readFileSync(join(root, 'tools', 'required-tests.json'), 'utf8'));
  const isSelected = (file: string): boolean => positionals.length === 0 || files.includes(file);
  const selected = Object.fromEntries(Object.entries(required).filter(([file]) => isSelected(file)));
  const missed = missedTests(selected, record.results);
  if (missed.length === 0) return;
  const list = missed.map((line) => `\n  ${line}`).join('');
  if (process.env['CI'] === 'true') problems.push(`Tests that may not be skipped in CI did not run:${list}`);
  else report.line(`\nCI would fail, because these tests may not be skipped there:${list}`, 'yellow');
}

function keepOutput(file: string, text: string): void {
  outputs.set(relative(file), ((outputs.get(relative(file)) ?? '') + text).slice(-keptOutputCharacters));
}

function relative(file: string): string {
  return file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file;
}
