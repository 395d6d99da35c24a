import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missedTests, parseRequiredTests } from './required-tests.ts';
import type { Outcome, TestResult } from './test-record.ts';

const result = (file: string, name: string, outcome: Outcome, reason?: string): TestResult => ({
  file,
  name,
  outcome,
  reason,
  error: undefined,
  durationMs: 1,
});

test('nothing is missed when every required test ran, also where one failed', () => {
  const results = [result('a.test.ts', 'one', 'passed'), result('a.test.ts', 'two', 'failed')];
  assert.deepEqual(missedTests({ 'a.test.ts': 'every test' }, results), []);
  assert.deepEqual(missedTests({ 'a.test.ts': ['two'] }, results), []);
});

test('a skipped, a postponed and an absent test are each named', () => {
  const results = [
    result('a.test.ts', 'one', 'skipped', 'needs restic'),
    result('a.test.ts', 'suite', 'skipped'),
    result('a.test.ts', 'later', 'todo'),
    result('a.test.ts', 'other', 'passed'),
  ];
  assert.deepEqual(
    missedTests({ 'a.test.ts': ['one', 'suite > inner', 'later', 'gone'], 'b.test.ts': 'every test' }, results),
    [
      'a.test.ts: one: skipped, needs restic',
      'a.test.ts: suite: skipped',
      'a.test.ts: later: marked as to do',
      'a.test.ts: gone: there is no such test',
      'b.test.ts: no test ran',
    ],
  );
  assert.equal(missedTests({ 'a.test.ts': 'every test' }, results).length, 3);
});

test('the list is refused unless it says for each file what it means', () => {
  assert.deepEqual(parseRequiredTests('{"a": "every test", "b": ["x"]}'), { a: 'every test', b: ['x'] });
  for (const text of ['[]', 'null', '{"a": []}', '{"a": "some"}', '{"a": [1]}'])
    assert.throws(() => parseRequiredTests(text));
});
