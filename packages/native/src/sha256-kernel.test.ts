import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { sha256OneByOne } from './index.ts';
import { laneKernels } from './sha256-kernel.ts';
import { sha256InLanes } from './sha256-streams.ts';

const buildScript = fileURLToPath(new URL('../kernel/build.sh', import.meta.url));

test('the kernel that the source gives hashes as the prebuilt one', {
  skip: skipUnless({ programs: ['gcc'] }),
}, (t) => {
  if (process.platform !== 'linux' || process.arch !== 'x64') return t.skip('the kernel is for Linux on x64');
  const file = join(temporaryFolder(t), 'built.so');
  execFileSync(buildScript, [file], { env: { ...process.env, CC: 'gcc' } });
  const built = laneKernels(file);
  assert.deepEqual(
    built.map(({ lanes }) => lanes),
    laneKernels().map(({ lanes }) => lanes),
  );
  // More than the lanes, each of another length.
  const messages = Array.from({ length: 50 }, (_, at) => randomBytes(at * 97));
  const expected = sha256OneByOne().add([], messages);
  for (const kernel of built)
    assert.deepEqual(sha256InLanes(kernel).add([], messages), expected, `${kernel.lanes} lanes`);
});

test('without a kernel that can be loaded there are no lanes', (t) => {
  const folder = temporaryFolder(t);
  const broken = join(folder, 'broken.so');
  writeFileSync(broken, 'not a library');
  for (const file of [broken, join(folder, 'missing.so')]) assert.deepEqual(laneKernels(file), []);
});
