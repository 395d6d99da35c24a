import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { temporaryFolder } from '@holdfast/core/testing';
import { maxLabs } from '../limits.ts';
import { labsFor, prove } from './prove.ts';

const plan = planTopology(
  parseTopology(`
name: two
zones:
  site: { addresses: [10.0.0.0/8] }
hosts:
  server: { zone: site, addresses: [10.0.0.1], roles: [backup-server] }
  store: { zone: site, addresses: [10.0.0.2], roles: [repository-linux] }
`),
);

test('a rule that the plan does not have is named, with those that there are, before anything is built', async (t) => {
  const folder = temporaryFolder(t);
  const options = { folder, program: ['false'], labs: 1, signal: new AbortController().signal };
  await assert.rejects(prove(plan, { ...options, only: ['server>store:tcp/22'] }), {
    code: 'usage.option',
    message: /called server>store:tcp\/22\. There are: server>store:tcp\/6162, store>server:tcp\/10006\./,
  });
  assert.deepEqual(readdirSync(folder), []);
});

test('a computer always takes one lab, and a small plan no more than the bound', () => {
  const [host] = plan.hosts;
  assert.ok(host);
  assert.equal(labsFor({ ...plan, hosts: Array.from({ length: 100_000 }, () => host) }), 1);
  const labs = labsFor({ ...plan, hosts: [] });
  assert.ok(labs >= 1 && labs <= maxLabs);
});
