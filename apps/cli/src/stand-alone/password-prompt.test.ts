import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { runProgram } from '../testing/run-cli.ts';

/** A terminal that a program types on: answers each question, then tells what was shown and the exit status. */
const typist = `
import json, os, pty, select, sys
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0: os.execv(command[0], command)
shown, asked = b'', 0
while select.select([terminal], [], [], 60)[0]:
    try: piece = os.read(terminal, 4096)
    except OSError: break
    if not piece: break
    shown += piece
    if asked < len(answers) and shown.count(b': ') > asked:
        os.write(terminal, answers[asked].encode()); asked += 1
else: os.kill(child, 9)
print(json.dumps({'status': os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 'shown': shown.decode()}))
`;

test('a password is asked for on a terminal, twice for a new repository, and never shown', {
  skip: skipUnless({ programs: ['python3'], platform: 'linux' }),
}, async (t) => {
  const folder = temporaryFolder(t);
  const main = new URL('../main.mjs', import.meta.url).pathname;
  const script = join(folder, 'typist.py');
  writeFileSync(script, typist);
  const type = async (answers: readonly string[], ...args: string[]): Promise<{ status: number; shown: string }> => {
    const repository = ['--repo', join(folder, 'repository')];
    const { stdout, stderr } = await runProgram('python3', [
      script,
      JSON.stringify(answers),
      process.execPath,
      main,
      ...args,
      ...repository,
    ]);
    assert.equal(stderr, '');
    return JSON.parse(stdout) as { status: number; shown: string };
  };
  assert.equal((await type(['one\r', 'two\r'], 'repo', 'init')).status, 2, 'two passwords that differ');
  const made = await type(['topx\x7fsecret\r', 'topsecret\r'], 'repo', 'init');
  assert.equal(made.status, 0, made.shown);
  assert.doesNotMatch(made.shown, /secret/);
  assert.equal((await type(['topsecret\n'], 'snapshots')).status, 0);
  assert.equal((await type(['wrong\r'], 'snapshots')).status, 12);
  assert.equal((await type(['\x03'], 'snapshots')).status, 130, 'Ctrl-C');
});
