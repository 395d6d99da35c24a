import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { Sandboxes } from './sandboxes.ts';

/** What a restore may leave: closed folders, names that are no UTF-8, links, and paths that are too long for the system. */
function fill(folder: string): void {
  fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe, 0x0a])]), 'x');
  fs.mkdirSync(join(folder, 'closed', 'inner'), { recursive: true });
  fs.symlinkSync('/etc', join(folder, 'closed', 'inner', 'link'));
  fs.chmodSync(join(folder, 'closed', 'inner'), 0o000);
  fs.chmodSync(join(folder, 'closed'), 0o555);
  const name = 'n'.repeat(250);
  let deep = join(folder, 'deep');
  fs.mkdirSync(deep);
  // Each part is put above what is there: 20 of them are longer than any path may be.
  for (let depth = 0; depth < 20; depth += 1) {
    const above = join(folder, `above ${depth}`);
    fs.mkdirSync(above);
    fs.renameSync(deep, join(above, name));
    deep = above;
  }
}

test('a sandbox is private, and goes with everything that is in it', async (t) => {
  const root = join(temporaryFolder(t), 'drills');
  const sandboxes = new Sandboxes(root);
  await sandboxes.clear();
  {
    await using sandbox = await sandboxes.make();
    assert.equal(fs.statSync(sandbox.path).mode & 0o777, 0o700);
    fill(sandbox.path);
  }
  assert.deepEqual(fs.readdirSync(root), []);
  assert.ok(fs.existsSync('/etc'));
});

test('what a killed process left goes; what is in use, and what others put there, stays', async (t) => {
  const root = temporaryFolder(t);
  const left = (await new Sandboxes(root).make()).path;
  fill(left);
  // Killed while it removed: some folders stand beside it.
  fs.renameSync(join(left, 'closed'), `${left}-1-moved`);
  fs.writeFileSync(join(root, 'somebody else’s'), '');
  const sandboxes = new Sandboxes(root);
  const used = await sandboxes.make();
  await using _another = await sandboxes.make();
  assert.ok(fs.existsSync(used.path));
  assert.ok(!fs.existsSync(left) && !fs.existsSync(`${left}-1-moved`));
  await used[Symbol.asyncDispose]();
  assert.equal(fs.readdirSync(root).filter((name) => name.startsWith('holdfast-drill-')).length, 1);
  assert.ok(fs.existsSync(join(root, 'somebody else’s')));
});
