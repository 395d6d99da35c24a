import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Diagnosis, describeDiagnosis, isFailure, needsRule, remedy } from './diagnosis.ts';
import { type PortState, parseStates, stateText } from './port-state.ts';
import { judgeAnswer } from './service.ts';

const all: readonly Diagnosis[] = [
  { kind: 'name-unresolved', name: 'store.example.com', code: 'ENOTFOUND' },
  { kind: 'names-disagree', direction: 'forward', asked: 'a.example.com', found: ['10.1.0.1'], planned: ['10.1.0.2'] },
  { kind: 'names-disagree', direction: 'reverse', asked: '10.1.0.2', found: ['b.example.com'], planned: ['a'] },
  { kind: 'no-route', where: 'here', code: 'ENETUNREACH' },
  { kind: 'no-route', where: 'on-the-way', code: 'EHOSTUNREACH' },
  { kind: 'dropped' },
  { kind: 'untried', code: 'EMFILE' },
  { kind: 'refused', by: 'firewall' },
  { kind: 'refused', by: 'unknown' },
  { kind: 'forbidden-here', code: 'EPERM' },
  { kind: 'port-in-use', holder: 'nginx (pid 41)' },
  { kind: 'port-reserved', code: 'EACCES' },
  { kind: 'port-forbidden', code: 'EACCES' },
  { kind: 'tls-intercepted', issuer: 'CN=Proxy' },
  { kind: 'wrong-certificate', reason: 'it is expired' },
  { kind: 'cut', direction: 'out', how: 'reset', afterBytes: 8192 },
  { kind: 'cut', direction: 'in', how: 'silence', afterBytes: 8192 },
  { kind: 'idle-killed', aliveMs: 60_000, deadMs: 120_000 },
  { kind: 'idle-killed', aliveMs: 0, deadMs: 5_000 },
  { kind: 'mtu', direction: 'out', passesBytes: 1_200 },
  { kind: 'nat', side: 'source', own: '10.1.0.1', seen: '203.0.113.7' },
  { kind: 'nat', side: 'destination', own: '10.1.0.1', seen: '10.1.0.2' },
  { kind: 'middlebox', said: 'nothing' },
  { kind: 'middlebox', said: 'wrong-proof' },
];

test('each cause is one sentence of its own, with what to do or the rule to ask for', () => {
  const sentences = all.map(describeDiagnosis);
  assert.equal(new Set(sentences).size, all.length);
  for (const [at, sentence] of sentences.entries()) {
    const diagnosis = all[at];
    assert.ok(diagnosis);
    assert.match(sentence, /^[A-Z].*\.$/);
    assert.doesNotMatch(sentence, /undefined|NaN|\. [A-Z]/);
    assert.ok(needsRule(diagnosis) || remedy(diagnosis) !== undefined, sentence);
  }
});

test('what Holdfast works with all the same is a warning', () => {
  const warnings = all.filter((one) => !isFailure(one));
  assert.deepEqual(
    warnings.map(({ kind }) => kind),
    ['names-disagree', 'names-disagree', 'idle-killed', 'nat', 'nat'],
  );
});

const plain = { noNullPrototype: true } as const;
const state: fc.Arbitrary<PortState> = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), unproven: fc.nat() }, plain),
  fc.record(
    { kind: fc.constant('held' as const), holder: fc.stringMatching(/^([\w()]([\w ()]{0,48}[\w()])?)?$/) },
    plain,
  ),
  fc.record(
    { kind: fc.constantFrom('reserved' as const, 'forbidden' as const), code: fc.stringMatching(/^[A-Z]{1,9}$/) },
    plain,
  ),
);

test('what the listening end tells of its ports arrives as it was; nothing that it could tell does harm', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(65_535), state)), (entries) => {
      const states = new Map(entries);
      assert.deepEqual(parseStates(stateText(states)), states);
    }),
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      for (const [port, one] of parseStates(text)) assert.ok(typeof port === 'number' && typeof one.kind === 'string');
    }),
  );
  const hostile = parseStates(JSON.stringify([[1, { kind: 'held', holder: 'a\u001b[2Jb\u202e\n' }]]));
  assert.deepEqual(hostile.get(1), { kind: 'held', holder: 'a [2Jb' });
});

test('a port that Windows has excluded is reserved, whatever answers there', () => {
  const judged = judgeAnswer({
    presented: undefined,
    state: { kind: 'reserved', code: 'EACCES' },
    roles: ['mover'],
    otherwise: { kind: 'refused', by: 'unknown' },
  });
  assert.deepEqual(judged, { kind: 'port-reserved', code: 'EACCES' });
});
