import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { loadKernels } from './kernels.ts';
import { scryptByNode, scryptKernels } from './scrypt.ts';
import { laneKernels } from './sha256-kernel.ts';
import { sha256InLanes, sha256OneByOne } from './sha256-streams.ts';

const buildScript = fileURLToPath(new URL('../kernel/build.sh', import.meta.url));

test('the kernels that the source gives do what the prebuilt ones do', {
  skip: skipUnless({ programs: ['gcc'] }),
}, async (t) => {
  if (process.platform !== 'linux' || process.arch !== 'x64') return t.skip('the kernels are for Linux on x64');
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

  const input = { N: 512, r: 8, p: 3, password: randomBytes(9), salt: randomBytes(64), keySizeBytes: 64 };
  const key = await scryptByNode(input);
  const derivations = scryptKernels(file);
  assert.equal(derivations.length, scryptKernels().length);
  for (const derive of derivations) assert.deepEqual(await derive(input), key);
});

test('without a file that can be loaded there are no kernels', (t) => {
  const folder = temporaryFolder(t);
  const broken = join(folder, 'broken.so');
  writeFileSync(broken, 'not a library');
  for (const file of [broken, join(folder, 'missing.so')]) {
    assert.equal(loadKernels(file), undefined);
    assert.deepEqual(laneKernels(file), []);
    assert.deepEqual(scryptKernels(file), []);
  }
});
