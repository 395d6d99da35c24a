import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAtLeast, program, programs, requireProgram, skipUnless, temporaryFolder } from './testing.ts';

test('a program is found with its version, the one in the first folder of the PATH first', (t) => {
  const [old, recent] = [temporaryFolder(t), temporaryFolder(t)];
  for (const [folder, version] of [
    [recent, '2.10.1'],
    [old, '1.2'],
  ] as const) {
    writeFileSync(join(folder, 'holdfast-probe'), `#!/bin/sh\necho "holdfast-probe $version ${version} (x86)"\n`);
    chmodSync(join(folder, 'holdfast-probe'), 0o755);
  }
  const path = process.env['PATH'];
  process.env['PATH'] = `${recent}:${old}:${path}`;
  t.after(() => {
    process.env['PATH'] = path;
  });
  assert.deepEqual(programs('holdfast-probe'), [
    { path: join(recent, 'holdfast-probe'), version: '2.10.1' },
    { path: join(old, 'holdfast-probe'), version: '1.2' },
  ]);
  assert.deepEqual(program('holdfast-probe'), requireProgram('holdfast-probe'));
  assert.equal(skipUnless({ programs: ['holdfast-probe'] }), false);
});

test('a missing program is named together with the way to get it', () => {
  assert.equal(program('holdfast-no-such-program'), undefined);
  const reason = skipUnless({ programs: ['holdfast-no-such-program'] });
  assert.equal(reason, 'needs the program holdfast-no-such-program (npm run peers)');
  assert.throws(() => requireProgram('holdfast-no-such-program'), /npm run peers/);
});

test('an older version than tests compare with does not count, except for tests that go over all', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'restic'), '#!/bin/sh\necho "restic 0.9.6 compiled with go1.19.8"\n');
  chmodSync(join(folder, 'restic'), 0o755);
  const path = process.env['PATH'];
  process.env['PATH'] = `${folder}:${path}`;
  t.after(() => {
    process.env['PATH'] = path;
  });
  assert.ok(programs('restic').some(({ version }) => version === '0.9.6'));
  assert.notEqual(program('restic')?.version, '0.9.6');
  assert.equal(isAtLeast('0.19.1', '0.19'), true);
  assert.equal(isAtLeast('0.9.6', '0.19'), false);
});

test('rights and platforms that are missing are named', () => {
  assert.equal(skipUnless({}), false);
  assert.equal(skipUnless({ platform: process.platform }), false);
  assert.match(String(skipUnless({ platform: process.platform === 'aix' ? 'linux' : 'aix' })), /^needs (aix|linux)$/);
  assert.equal(skipUnless({ root: true }) === false, process.getuid?.() === 0);
});

test('a temporary folder is removed with everything in it, also what its owner may not enter', async (t) => {
  let folder = '';
  await t.test('inner', (inner) => {
    folder = temporaryFolder(inner);
    mkdirSync(join(folder, 'closed', 'inside'), { recursive: true });
    writeFileSync(join(folder, 'closed', 'file'), 'x');
    chmodSync(join(folder, 'closed'), 0);
  });
  assert.ok(folder !== '');
  assert.equal(existsSync(folder), false);
});
