import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readProof } from './read-proof.ts';

const published = readFileSync(join(import.meta.dirname, '../../../../../docs/proof.json'), 'utf8');

test('the published proof is read whole', () => {
  const proof = readProof(published);
  assert.equal(proof.topology, 'main-job');
  assert.ok(proof.rules.length > 5 && proof.necessary.length >= proof.rules.length);
  assert.equal(proof.sufficient.length, proof.scenarios.length);
  const kinds = new Set(proof.necessary.flatMap(({ cells }) => cells.map(({ outcome }) => outcome.kind)));
  assert.deepEqual([...kinds].sort(), ['degraded', 'failed', 'passed']);
});

test('a file that is no proof is refused, wherever it differs', () => {
  for (const text of ['', 'null', '[]', '{}', '{"kind":"proof"}', '{"kind":"signature"}'])
    assert.throws(() => readProof(text), text || 'nothing');
  const parsed = JSON.parse(published) as Record<string, unknown>;
  for (const key of Object.keys(parsed))
    for (const value of [undefined, null, 7, {}, [7], [{}]])
      assert.throws(() => readProof(JSON.stringify({ ...parsed, [key]: value })), `${key} ${JSON.stringify(value)}`);
  // A cell too few would put what follows under another scenario.
  const [, ...fewer] = parsed['sufficient'] as unknown[];
  assert.throws(() => readProof(JSON.stringify({ ...parsed, sufficient: fewer })));
});
