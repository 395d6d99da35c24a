import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { hasCode } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { auditInThread } from './audit-in-thread.ts';

const needs = { skip: process.platform === 'linux' ? false : 'sockets and firewalls are read on Linux alone' };

const plan = planTopology(
  parseTopology(`
name: audit
zones: { site: {} }
hosts:
  backup-1: { zone: site, addresses: [192.0.2.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [192.0.2.2], roles: [repository-linux] }
`),
);
const host = plan.hosts.find(({ name }) => name === 'store-1');
assert.ok(host);
const options = { otherwise: 'drop', unused: false } as const;

/** A firewall without rules, which tells when it is read; until `gate` is there nft says nothing, while `fails` is it refuses. */
function firewall(t: TestContext) {
  const folder = temporaryFolder(t);
  const [log = '', gate = '', fails = ''] = ['log', 'gate', 'fails'].map((name) => join(folder, name));
  const programs = {
    nft: `echo begin >> ${log}; for n in $(seq 1200); do test -e ${gate} && break; sleep 0.05; done; test -e ${fails} && exit 1; echo '{"nftables": []}'`,
    'iptables-save': 'exit 0',
    'ip6tables-save': `echo end >> ${log}`,
  };
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const path = process.env['PATH'];
  process.env['PATH'] = `${folder}:${path}`;
  t.after(() => {
    process.env['PATH'] = path;
  });
  return { gate, fails, log: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []) };
}

test('audits are done in threads, one at a time, and what is wrong is told', needs, async (t) => {
  const { gate, fails, log } = firewall(t);
  let threads = 0;
  const count = (): void => void (threads += 1);
  subscribe('worker_threads', count);
  t.after(() => unsubscribe('worker_threads', count));
  const audits = [1, 2].map(() => auditInThread(plan, host, options));
  while (log().length === 0) await wait(10);
  writeFileSync(gate, '');
  const [first, second] = await Promise.all(audits);
  assert.deepEqual(log(), ['begin', 'end', 'begin', 'end']);
  assert.equal(threads, 2);
  for (const audit of [first, second]) assert.ok(audit?.findings.some(({ kind }) => kind === 'open-by-default'));
  writeFileSync(fails, '');
  await assert.rejects(auditInThread(plan, host, options), (error) => hasCode(error, 'firewall.unreadable'));
});

test('who does not wait for an audit does not keep the next one from its turn', needs, async (t) => {
  const { gate, log } = firewall(t);
  const stop = new AbortController();
  const given = auditInThread(plan, host, { ...options, signal: stop.signal });
  const next = auditInThread(plan, host, options);
  while (log().length === 0) await wait(10);
  stop.abort(new Error('nobody waits'));
  await assert.rejects(given, /nobody waits/);
  writeFileSync(gate, '');
  assert.equal((await next).host, 'store-1');
});
