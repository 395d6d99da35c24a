import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { runCommand } from './run-command.ts';

const node = (code: string) => ({ file: process.execPath, args: ['-e', code], env: {} });
const never = new AbortController().signal;
const onLinux = process.platform === 'linux' ? false : 'needs Linux: CPU time and memory are read from /proc';
const mebibyte = 1024 * 1024;

test('status and output of a command', async () => {
  const { status, output, wallMs } = await runCommand(
    node('console.log("out"); console.error("err"); process.exitCode = 7'),
    never,
  );
  assert.equal(status, 7);
  assert.match(output, /out/);
  assert.match(output, /err/);
  assert.ok(wallMs > 0);
});

test('only the given environment reaches the process', async () => {
  const { output } = await runCommand({ ...node('console.log(JSON.stringify(process.env))'), env: { A: 'b' } }, never);
  assert.deepEqual(JSON.parse(output), { A: 'b' });
});

test('a program that is not there is an error', async () => {
  await assert.rejects(runCommand({ file: '/nowhere/program', args: [], env: {} }, never), { code: 'ENOENT' });
});

/** A process with a child, both of which use CPU time and memory at once; they print their own CPU time in microseconds. */
const family = `
  const { spawnSync, spawn } = require('node:child_process');
  const kept = Buffer.alloc(80 * ${mebibyte}, 1);
  const burn = (ms) => { const start = process.cpuUsage(); let used; do { used = process.cpuUsage(start); } while (used.user + used.system < ms * 1000); };
  const own = () => { const { user, system } = process.cpuUsage(); console.log(user + system); };
  burn(200);
  if (process.argv.length === 1) {
    const child = spawn(process.execPath, ['-e', process.env.CODE, 'child'], { stdio: 'inherit', env: process.env });
    child.on('exit', () => { own(); if (kept.length === 0) throw new Error(); });
  } else { setTimeout(() => own(), 4000); globalThis.kept = kept; }
`;

test('CPU time and memory are those of the whole tree', { skip: onLinux }, async () => {
  const result = await runCommand({ ...node(family), env: { CODE: family } }, never);
  assert.equal(result.status, 0, result.output);
  const printedMs = result.output
    .trim()
    .split('\n')
    .map((line) => Number(line) / 1000);
  assert.equal(printedMs.length, 2, result.output);
  const usedMs = printedMs.reduce((sum, ms) => sum + ms, 0);
  // The kernel counts in ticks of 10 ms.
  assert.ok(result.cpuMs !== undefined && result.cpuMs >= usedMs - 40, `${result.cpuMs} of ${usedMs}`);
  // Both keep 80 MiB; of Node's own pages they share some with every other Node of the machine.
  assert.ok(
    result.peakMemoryBytes !== undefined && result.peakMemoryBytes > 170 * mebibyte,
    `${result.peakMemoryBytes}`,
  );
});

test('a peak between two polls counts', { skip: onLinux }, async () => {
  const code = `
    let large = Buffer.alloc(150 * ${mebibyte}, 1);
    if (large[5] !== 1) throw new Error();
    large = undefined;
    const { setFlagsFromString } = require('node:v8');
    setFlagsFromString('--expose-gc');
    require('node:vm').runInNewContext('gc')();
    // It is looked at in between, also where the machine stands still for a while.
    setTimeout(() => {}, 3000);
  `;
  const { status, peakMemoryBytes } = await runCommand(node(code), never);
  assert.equal(status, 0);
  assert.ok(peakMemoryBytes !== undefined && peakMemoryBytes > 170 * mebibyte, `${peakMemoryBytes}`);
});

test('an abort kills the whole session', async (t) => {
  const stop = new AbortController();
  const grandchild = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }); setInterval(() => {}, 1000)`;
  const running = runCommand(node(grandchild), stop.signal);
  const timer = setTimeout(() => stop.abort(), 300);
  t.after(() => clearTimeout(timer));
  await once(stop.signal, 'abort');
  // It settles only when nobody holds the pipes any more.
  await assert.rejects(running, { name: 'AbortError' });
});

test('what a command leaves behind is ended with it', { timeout: 400_000 }, async () => {
  const parent = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }).unref()`;
  const { status } = await runCommand(node(parent), never);
  // It settled, so nobody holds the pipes any more.
  assert.equal(status, 0);
});
