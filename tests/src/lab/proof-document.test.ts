import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type Proof, renderMatrix } from '@holdfast/lab';

/** docs/proof.md and docs/proof.json: what `npm run proof` wrote for the rules that the contract has now. */

const file = (path: string): string => new URL(path, import.meta.url).pathname;
const proof = JSON.parse(readFileSync(file('../../../docs/proof.json'), 'utf8')) as Proof;

test('the published proof is whole, holds, and is about the rules that are planned today', async () => {
  assert.ok(proof.holds);
  assert.deepEqual(proof.notClosed, []);
  const plan = planTopology(await loadTopology(file('main-job.yaml')));
  assert.deepEqual(
    proof.rules.map(({ id, channels }) => ({ id, channels })),
    plan.flows.map(({ id, channels }) => ({ id, channels })),
    'Rules have changed: npm run proof -- --out docs/proof.json --matrix docs/proof.md',
  );
});

test('the page says what the result says', () => {
  assert.equal(readFileSync(file('../../../docs/proof.md'), 'utf8'), renderMatrix(proof));
});
