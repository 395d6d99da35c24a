import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMatrix } from './matrix.ts';
import type { Cell, Proof } from './proof.ts';

const passes: Cell = {
  scenario: 'backup | of web',
  expected: { kind: 'passed' },
  outcome: { kind: 'passed' },
  tookMs: 1,
  holds: true,
};
const fails: Cell = {
  ...passes,
  expected: { kind: 'failed', blocked: ['server-to-mover'] },
  outcome: { kind: 'failed', message: 'server-to-mover is blocked' },
};
const proof: Proof = {
  topology: '<b>two</b>',
  startedAt: '2026-11-21T10:00:00.000Z',
  notProven: ['admin>web:tcp/22'],
  notClosed: [],
  rules: [{ id: 'server>store:tcp/6162', channels: ['server-to-mover'], features: ['mover-management'] }],
  scenarios: [{ id: 'backup | of web', needs: [{ between: ['server', 'store'], features: ['mover-management'] }] }],
  sufficient: [passes],
  unused: [],
  necessary: [{ closed: ['server>store:tcp/6162'], channels: ['server-to-mover'], cells: [fails] }],
  needless: [],
  holds: true,
};

test('a proof that holds says so, and names become no markup', () => {
  const page = renderMatrix(proof);
  assert.match(page, /The rules are \*\*enough\*\*/);
  assert.match(page, /^\| nothing \| ✓ \|$/m);
  assert.match(page, /^\| `server>store:tcp\/6162` \| ✗ \|$/m);
  assert.match(page, /^1\. backup \\\| of web \(mover-management\)$/m);
  assert.match(page, /Not proven.*`admin>web:tcp\/22`/);
  assert.doesNotMatch(page, /<b>/);
});

test('what is not as the contract says stands out and is explained', () => {
  const wrong: Cell = { ...fails, outcome: { kind: 'passed' }, holds: false };
  const page = renderMatrix({
    ...proof,
    unused: [{ host: 'store', chain: 'input', rule: 'server-to-mover' }],
    necessary: [{ closed: ['server>store:tcp/6162'], channels: ['server-to-mover'], cells: [wrong] }],
    needless: [{ rule: 'server>store:tcp/6162', from: 'server', to: 'store' }],
    notClosed: ['admin>server:tcp/443'],
    holds: false,
  });
  assert.match(page, /The proof does not hold/);
  assert.match(page, /\*\*✓!\*\*/);
  assert.match(page, /should be failed, naming server-to-mover; it passed/);
  assert.match(page, /- store, input: server-to-mover/);
  assert.match(page, /## Needed by nothing[^]*- `server>store:tcp\/6162`, from server to store/);
  assert.match(page, /Never taken away.*`admin>server:tcp\/443`/);
});
