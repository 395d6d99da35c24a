import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { contentOf, nameOf, rejects } from '../conformance/content.ts';
import { objectSizeLimits } from '../limits.ts';
import type { StagedObject } from '../target.ts';
import { FaultyTarget } from '../testing.ts';
import { openLocalDisk } from './open-local-disk.ts';

const body = contentOf('staged', 100_000);
const name = nameOf('data', body);

for (const hardLinks of ['use', 'avoid'] as const)
  test(`a staged file becomes an object like any other (hard links: ${hardLinks})`, async (t) => {
    const path = join(temporaryFolder(t), 'repository');
    const { staging, ...rest } = await staged(path, hardLinks);
    const folder = await staging.folder();
    const file = (): StagedObject => {
      const made = { path: join(folder, 'mine'), sizeBytes: body.length };
      writeFileSync(made.path, body, { mode: 0o600 });
      return made;
    };
    assert.equal(await staging.create(name, file()), 'created');
    assert.deepEqual(readFileSync(rest.fileOf(name.id)), body);
    if (process.platform !== 'win32') assert.equal(statSync(rest.fileOf(name.id)).mode & 0o777, 0o400);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(await staging.create(name, file()), 'identical');
    assert.deepEqual(readdirSync(folder), []);
    // What is there is never replaced, not even by a file that claims to be it.
    writeFileSync(rest.fileOf(nameOf('data', contentOf('other', 10)).id), 'damaged');
    await rejects(staging.create(nameOf('data', contentOf('other', 10)), file()), 'storage.exists');
    assert.equal(rest.target.transferred().sentBytes, 3 * body.length);
  });

test('a staged file that cannot become an object is refused, and is gone', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  const { staging } = await staged(path, 'use');
  const folder = await staging.folder();
  const file = { path: join(folder, 'mine'), sizeBytes: body.length };
  writeFileSync(file.path, body);
  await rejects(staging.create({ type: 'data', id: '../escape' }, file), 'request.invalid');
  await rejects(staging.create(name, { ...file, path: join(folder, 'missing') }), 'storage.missing');
  symlinkSync('/etc/passwd', join(folder, 'link'));
  await rejects(staging.create(name, { ...file, path: join(folder, 'link') }), 'storage.tampered');
  writeFileSync(file.path, Buffer.alloc(objectSizeLimits.lock + 1));
  const large = { ...file, sizeBytes: objectSizeLimits.lock + 1 };
  await rejects(staging.create({ type: 'lock', id: name.id }, large), 'storage.size');
  writeFileSync(file.path, body.subarray(1));
  await rejects(staging.create(name, file), 'storage.tampered');
  assert.deepEqual(readdirSync(folder), ['link']);
  const aborted = AbortSignal.abort();
  writeFileSync(file.path, body);
  await rejects(staging.create(name, file, { signal: aborted }), 'run.cancelled');
  await rejects(staging.folder({ signal: aborted }), 'run.cancelled');
});

test('fault injection meets staged files as it meets what is created', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  const { target } = await staged(path, 'use');
  const calls: string[] = [];
  const faulty = new FaultyTarget(target, {
    pass: async (call, stage) => void calls.push(`${call.method} ${call.sizeBytes} ${stage}`),
  });
  const folder = (await faulty.staging?.folder()) ?? '';
  writeFileSync(join(folder, 'mine'), body);
  assert.equal(await faulty.staging?.create(name, { path: join(folder, 'mine'), sizeBytes: body.length }), 'created');
  assert.deepEqual(calls, ['create 100000 begin', 'create 100000 answer']);
});

async function staged(path: string, hardLinks: 'use' | 'avoid') {
  const target = await openLocalDisk({ path, create: true, hardLinks });
  const fileOf = (id: string): string => join(path, 'data', id.slice(0, 2), id);
  return { target, staging: target.staging, fileOf };
}
