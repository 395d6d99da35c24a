import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flow, PlannedHost } from '@holdfast/contract/plan';
import { needlessOpenings } from './needless.ts';
import type { Cell } from './proof.ts';
import type { Outcome } from './scenario.ts';

const host = (name: string): PlannedHost => ({
  name,
  zone: 'site',
  addresses: [],
  names: [],
  roles: [],
  managed: true,
});
const flow: Flow = {
  id: 'web>store+gate:tcp/6162',
  from: [host('web')],
  to: [host('store'), host('gate')],
  transport: 'tcp',
  ports: [],
  origin: 'contract',
  ...{ rows: [], reasons: [], leased: false, features: [], channels: [], fallbackFor: [] },
};
const scenarios = ['store', 'gate'].map((to) => ({
  id: `backup to ${to}`,
  needs: [{ between: ['web', to], features: ['agent-backup' as const] }],
}));
const cells = (...outcomes: readonly Outcome[]): readonly Cell[] =>
  outcomes.map((outcome, index) => ({
    ...{ scenario: scenarios[index]?.id ?? '', expected: { kind: 'passed' }, tookMs: 1, holds: true },
    outcome,
  }));
const failed: Outcome = { kind: 'failed', message: '' };
const fellBack: Outcome = { kind: 'degraded', blocked: [] };
const passed: Outcome = { kind: 'passed' };

test('an opening is needed where a scenario between its computers stops or falls back', () => {
  assert.deepEqual(needlessOpenings(flow, { cells: cells(failed, fellBack), scenarios }), []);
});

test('what one pair of computers needs is not thereby needed by another', () => {
  assert.deepEqual(needlessOpenings(flow, { cells: cells(failed, passed), scenarios }), [
    { rule: flow.id, from: 'web', to: 'gate' },
  ]);
  assert.equal(needlessOpenings(flow, { cells: cells(passed, passed), scenarios }).length, 2);
});
