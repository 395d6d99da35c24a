import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { programPath, runProgram } from './program.ts';

function script(t: TestContext, body: string): string {
  const file = join(temporaryFolder(t), 'program');
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o700);
  return file;
}

test('programs are never looked for where somebody happens to be', () => {
  assert.equal(programPath(''), '/usr/local/sbin:/usr/sbin:/sbin');
  assert.equal(programPath(':/usr/bin::.:bin:/opt/bin:'), '/usr/bin:/opt/bin:/usr/local/sbin:/usr/sbin:/sbin');
});

test('arguments are arguments, input is input, whatever is in them', async (t) => {
  const program = script(t, 'cat; printf "%s|" "$@"; echo "careful" >&2');
  const hostile = '"; echo broken; $(id) `id` \n*';
  assert.deepEqual(await runProgram(program, [hostile, ''], { input: hostile }), {
    kind: 'done',
    output: `${hostile}${hostile}||`,
  });
});

test('each end is told from the others', async (t) => {
  assert.deepEqual(await runProgram('no-such-program', []), { kind: 'absent' });
  assert.deepEqual(await runProgram(script(t, 'echo why >&2; exit 3'), []), { kind: 'failed', reason: 'why' });
  assert.deepEqual(await runProgram(script(t, 'exit 3'), []), { kind: 'failed', reason: 'it ended with 3' });
  const unfinished = (message: RegExp) => (error: unknown) =>
    hasCode(error, 'internal.unexpected') && message.test(error.message);
  await assert.rejects(runProgram(script(t, 'kill -9 $$'), []), unfinished(/was ended by SIGKILL/));
  const unreadable = join(temporaryFolder(t), 'text');
  writeFileSync(unreadable, 'no program', { mode: 0o600 });
  await assert.rejects(runProgram(unreadable, []), unfinished(/could not be run \(EACCES\)/));
  const gone = AbortSignal.abort(new Error('given up'));
  await assert.rejects(runProgram('cat', [], { signal: gone }), /given up/);
});
