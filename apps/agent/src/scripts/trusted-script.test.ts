import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { trustedScript, weaknessOfRights } from './trusted-script.ts';

const root = new Set([0]);

test('rights: the owner and who may write decide, also by an access control list, whose mask is the rights of the group', () => {
  const file = 0o100000;
  const folder = 0o040000;
  assert.equal(weaknessOfRights({ uid: 0, mode: file | 0o755 }, 'script', root), undefined);
  assert.equal(weaknessOfRights({ uid: 0, mode: file | 0o700 }, 'script', root), undefined);
  assert.match(weaknessOfRights({ uid: 0, mode: file | 0o644 }, 'script', root) ?? '', /not executable/);
  assert.match(weaknessOfRights({ uid: 1, mode: file | 0o755 }, 'script', root) ?? '', /belongs to user 1/);
  for (const part of ['script', 'folder', 'parent'] as const)
    for (const mode of [0o775, 0o757])
      assert.match(weaknessOfRights({ uid: 0, mode: folder | mode }, part, root) ?? '', /others than root/);
  // As /tmp: what is root's stays. But others may put something of theirs into it, so it holds no scripts.
  assert.equal(weaknessOfRights({ uid: 0, mode: folder | 0o1777 }, 'parent', root), undefined);
  assert.match(weaknessOfRights({ uid: 0, mode: folder | 0o1777 }, 'folder', root) ?? '', /others than root/);
});

test('a script is found where all of its folders are safe, and refused for one that is not, for links and what is no file', {
  skip: skipUnless({ platform: 'linux' }),
}, async (t: TestContext) => {
  // Whoever runs the test stands for root.
  const owners = new Set([0, process.getuid?.() ?? 0]);
  const above = temporaryFolder(t);
  const folder = join(above, 'scripts');
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(join(folder, 'freeze'), '#!/bin/sh\n', { mode: 0o755 });
  const find = (name: string, from = folder): Promise<string> => trustedScript({ folder: from, name }, owners);
  const refused = (work: Promise<string>, expected: RegExp): Promise<void> =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'script.refused');
      assert.match(error.message, expected);
      return true;
    });

  assert.equal(await find('freeze'), join(folder, 'freeze'));
  await refused(find('missing'), /There is no script missing in/);
  symlinkSync('freeze', join(folder, 'link'));
  await refused(find('link'), /scripts\/link is a link/);
  mkdirSync(join(folder, 'folder'));
  await refused(find('folder'), /is no ordinary file/);
  symlinkSync(folder, join(above, 'elsewhere'));
  await refused(find('freeze', join(above, 'elsewhere')), /elsewhere is a link/);
  await refused(find('freeze', join(above, 'missing')), /can not be looked at \(ENOENT\)/);
  chmodSync(above, 0o777);
  await refused(find('freeze'), /may be written to by others than root/);
  chmodSync(above, 0o755);
  chmodSync(folder, 0o775);
  await refused(find('freeze'), /scripts may be written to by others than root/);
  chmodSync(folder, 0o755);
  await refused(trustedScript({ folder, name: 'freeze' }, new Set([4_000_000])), /belongs to user/);
});
