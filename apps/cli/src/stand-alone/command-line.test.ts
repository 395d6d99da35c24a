import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { splitCommand } from './command-line.ts';

test('a command is split at white space outside quotes', () => {
  assert.deepEqual(splitCommand(`pass  show "my repo" 'it"s' a\\ b "" "x\\"y" '\\'`), [
    'pass',
    'show',
    'my repo',
    'it"s',
    'a b',
    '',
    'x"y',
    '\\',
  ]);
  assert.deepEqual(splitCommand('   '), []);
  assert.throws(
    () => splitCommand(`cat 'file`),
    (error) => hasCode(error, 'usage.option'),
  );
});
