import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { nameOf, pagesOf } from '../conformance/content.ts';
import { openLocalDisk } from './open-local-disk.ts';

const writer = join(import.meta.dirname, 'crash-worker.ts');

test('what was reported stored survives a kill at any moment, and whatever can be seen is whole', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  await openLocalDisk({ path, create: true });
  const reported = new Set<string>();
  // Moments from before the first object to deep within the work.
  for (const objects of [1, 2, 5, 11, 23]) {
    const child = spawn(process.execPath, [writer, path, String(objects)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let lines = 0;
    for await (const line of createInterface(child.stdout)) {
      reported.add(line);
      lines += 1;
      if (lines === objects) child.kill('SIGKILL');
    }
    await exited;
    assert.equal(child.signalCode, 'SIGKILL');
    const target = await openLocalDisk({ path });
    const seen = new Set<string>();
    for (const { id } of (await pagesOf(target, 'data')).flat()) {
      seen.add(id);
      assert.equal(nameOf('data', await target.read({ type: 'data', id })).id, id);
    }
    for (const id of reported) assert.ok(seen.has(id), `${id} was reported and is gone`);
  }
});

const tracing = skipUnless({ platform: 'linux', programs: ['strace'] });

test('content is synced before the object has its name, the folder before it is reported', {
  skip: tracing,
}, async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'repository');
  await openLocalDisk({ path, create: true });
  const log = join(folder, 'calls');
  const calls = 'trace=openat,fsync,link,linkat,unlink,unlinkat,write';
  const traced = spawnSync(
    'strace',
    ['-f', '-y', '-e', calls, '-o', log, process.execPath, writer, path, '1', 'once'],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(traced.status, 0, traced.stderr);
  const id = traced.stdout.trim();
  const lines = readFileSync(log, 'utf8').split('\n');
  const only = (what: string, pattern: RegExp): number => {
    const found = lines.flatMap((line, index) => (pattern.test(line) ? [index] : []));
    assert.equal(found.length, 1, `${what}: ${found.length} times`);
    return found[0] ?? -1;
  };
  const synced = only('sync of the content', /fsync\(\d+<.*\/holdfast\/tmp\/[0-9a-f-]+>/);
  const named = only('link', new RegExp(`link(at)?\\(.*holdfast/tmp/.*/data/../${id}"`));
  const folderSynced = only('sync of the folder', new RegExp(`fsync\\(\\d+<.*/data/${id.slice(0, 2)}>`));
  const reported = only('report', new RegExp(`write\\(1<.*"${id.slice(0, 16)}`));
  assert.ok(synced < named && named < folderSynced && folderSynced < reported);
});

test('what was listed is durable before what follows from it, and synced once', { skip: tracing }, async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'repository');
  await openLocalDisk({ path, create: true });
  const log = join(folder, 'calls');
  const calls = ['-f', '-y', '-e', 'trace=fsync,link,linkat,unlink,unlinkat,write', '-o', log];
  const { status, stderr } = spawnSync('strace', [...calls, process.execPath, writer, path, '1', 'follow'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const names: string[] = [];
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, said] = /write\(1<.*"(\w+)\\n"/.exec(line) ?? [];
    const [, synced] = /fsync\(\d+<.*\/(index|snapshots|data)(?:\/..)?>/.exec(line) ?? [];
    const [, linked] = /link(?:at)?\(.*holdfast\/tmp\/.*\/(index|snapshots|data)\/.*\) = 0/.exec(line) ?? [];
    const [, removed] = /unlink(?:at)?\(.*\/repository\/(index|snapshots|data)\/.*\) = 0/.exec(line) ?? [];
    if (said !== undefined) names.push(said);
    else if (linked !== undefined) names.push(`make in ${linked}`);
    else if (removed !== undefined) names.push(`remove from ${removed}`);
    else if (synced !== undefined) names.push(`sync ${synced}`);
  }
  assert.deepEqual(names.slice(names.indexOf('backup')), [
    'backup',
    'sync index',
    'make in snapshots',
    'sync snapshots',
    'prune',
    'sync index',
    'sync snapshots',
    'remove from index',
    'sync index',
    'packs',
    'remove from data',
    'sync data',
    'remove from data',
    'sync data',
  ]);
});
