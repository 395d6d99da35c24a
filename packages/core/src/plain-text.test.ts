import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneLine, plainLines, withoutControl } from './plain-text.ts';

const hostile = ' a\u001b[2Jb\r\nc\u009b1mд\u202eе\u2028f\ud800 \u{1f600}\t';

test('nothing is left of what steers a terminal, ends a line or turns writing around', () => {
  assert.equal(oneLine(hostile), 'a [2Jb c 1mд е f  \u{1f600}');
  assert.equal(withoutControl(hostile), ' a [2Jb c 1mд е f  \u{1f600} ');
});

test('a text of several lines keeps them, and what they begin with', () => {
  assert.equal(plainLines('one\u001b[31m\n  two\r\n\n'), 'one [31m\n  two \n\n');
});
