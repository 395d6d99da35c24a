import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder } from './argument-order.ts';

test('options before the command, as restic takes them, go behind it', () => {
  const cases: Readonly<Record<string, string>> = {
    '-r /repo -p file --json key list --verbose=2': 'key list --verbose --verbose -r /repo -p file --json',
    '--repo=/repo -q backup --stdin-from-command -- dump --verbose=2 -r x':
      'backup --stdin-from-command --repo=/repo -q -- dump --verbose=2 -r x',
    'snapshots -r /repo': 'snapshots -r /repo',
    '-v check': 'check -v',
    '--help': '--help',
    '-r': '-r',
    '': '',
  };
  for (const [given, ordered] of Object.entries(cases))
    assert.equal(inOrder(given.split(' ').filter(Boolean)).join(' '), ordered);
});
