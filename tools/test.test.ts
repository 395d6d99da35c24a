/** `npm test` itself, run on a small folder of tests that pass, fail, skip, hang and crash. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';

const closing =
  /\nℹ tests \d+\nℹ suites \d+\nℹ pass \d+\nℹ fail \d+\nℹ cancelled \d+\nℹ skipped \d+\nℹ todo \d+\nℹ duration_ms [\d.]+\n$/;
const passing = "import { test } from 'node:test'; test('good', () => {});";
const skipping = `${passing} test('with a peer', { skip: 'needs a peer' }, () => {});`;

interface Run {
  readonly tests: Readonly<Record<string, string>>;
  readonly others?: Readonly<Record<string, string>>;
  readonly required?: unknown;
  readonly arguments?: readonly string[];
  readonly ci?: boolean;
}

function npmTest(t: TestContext, run: Run): { readonly status: number | null; readonly output: string } {
  const folder = temporaryFolder(t);
  for (const name of ['tools', 'tests', 'tests/long']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'tools', 'required-tests.json'), JSON.stringify(run.required ?? {}));
  for (const [name, text] of Object.entries(run.tests)) writeFileSync(join(folder, 'tests', `${name}.test.ts`), text);
  for (const [name, text] of Object.entries(run.others ?? {})) writeFileSync(join(folder, name), text);
  const script = join(import.meta.dirname, 'test.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--root', folder, ...(run.arguments ?? [])], {
    encoding: 'utf8',
    // Without this the runner takes itself for a test file of the run that is going on.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, CI: run.ci ? 'true' : 'false' },
  });
  return { status, output: stdout + stderr };
}

test('a good run ends with 0 and the closing lines', (t) => {
  const { status, output } = npmTest(t, { tests: { good: passing, 'long/slow': 'process.exit(1)' } });
  assert.match(output, /✔ tests\/good\.test\.ts {2}1 test /);
  assert.match(output, closing);
  assert.doesNotMatch(output, /slow/);
  assert.equal(status, 0);
});

test('the tests of a shared suite belong to the file that runs it', (t) => {
  const suite = "import { test } from 'node:test'; export const suite = () => test('shared', () => {});";
  const user = "import { suite } from './suite.ts'; suite();";
  const { output } = npmTest(t, { tests: { one: user, two: user }, others: { 'tests/suite.ts': suite } });
  assert.match(output, /✔ tests\/one\.test\.ts {2}1 test /);
  assert.match(output, /✔ tests\/two\.test\.ts {2}1 test /);
});

test('a failure is shown with what its file printed, and ends with 1', (t) => {
  const failing =
    "import { test } from 'node:test'; console.log('a clue'); test('bad', () => { throw new Error('boom'); });";
  const { status, output } = npmTest(t, { tests: { good: passing, bad: failing } });
  assert.match(output, /Failed \(1\)[^]*tests\/bad\.test\.ts: bad\n {2}Error: boom[^]*a clue/);
  assert.match(output, closing);
  assert.equal(status, 1);
});

test('a file that crashes, has no tests, or does not end, fails the run', (t) => {
  const crash = npmTest(t, { tests: { crash: 'process.exit(3)' } });
  assert.match(crash.output, /exitCode: 3/);
  assert.equal(crash.status, 1);
  const none = npmTest(t, { tests: { none: 'export {};' } });
  assert.match(none.output, /tests\/none\.test\.ts has no tests/);
  assert.equal(none.status, 1);
  const hanging =
    "import { test } from 'node:test'; test('hangs', () => new Promise(() => setInterval(() => {}, 1000)));";
  const hang = npmTest(t, { tests: { hang: hanging }, arguments: ['--limit-ms', '1500'] });
  assert.match(hang.output, /hang\.test\.ts/);
  assert.match(hang.output, closing);
  assert.equal(hang.status, 1);
});

test('skipped tests are listed with their reasons; in CI a required one fails the run', (t) => {
  const run: Run = { tests: { peer: skipping }, required: { 'tests/peer.test.ts': ['with a peer'] } };
  const here = npmTest(t, run);
  assert.match(here.output, /Skipped \(1\)\n {2}tests\/peer\.test\.ts: with a peer: needs a peer/);
  assert.match(here.output, /CI would fail/);
  assert.equal(here.status, 0);
  const inCi = npmTest(t, { ...run, ci: true });
  assert.match(
    inCi.output,
    /may not be skipped in CI did not run:\n {2}tests\/peer\.test\.ts: with a peer: skipped, needs a peer/,
  );
  assert.match(inCi.output, closing);
  assert.equal(inCi.status, 1);
  const gone = npmTest(t, { tests: { good: passing }, required: { 'tests/gone.test.ts': 'every test' }, ci: true });
  assert.equal(gone.status, 1);
});

test('a filter chooses files, shows every test, and one that fits nothing is an error', (t) => {
  const tests = { one: passing, two: passing };
  const chosen = npmTest(t, { tests, arguments: ['tests/one'] });
  assert.match(chosen.output, /✔ good /);
  assert.doesNotMatch(chosen.output, /two/);
  assert.equal(npmTest(t, { tests, arguments: ['three'] }).status, 2);
});
