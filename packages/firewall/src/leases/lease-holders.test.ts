import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasCode, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { FirewallLeases } from './firewall-leases.ts';

const needs = { skip: process.platform === 'win32' ? 'the stand-in for nft is a shell script' : false };

/** Leases with a program in the place of nft that writes down what it is told, and refuses while a file is there. */
async function start(t: TestContext) {
  const folder = temporaryFolder(t);
  const [nft, log, refuses] = ['nft', 'log', 'refuses'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(nft, `#!/bin/sh\ntest -e ${refuses} && exit 1\ncat >> ${log}\n`);
  chmodSync(nft, 0o755);
  const clock = new ManualClock();
  const leases = await FirewallLeases.open({ nft, busctl: 'no-such-busctl', clock });
  /** What has been opened and closed since it was last asked, by the first word of each element. */
  const changes = (): readonly string[] => {
    const text = readFileSync(log, 'utf8');
    writeFileSync(log, '');
    const found = text.matchAll(
      /^(add|delete) element inet holdfast lease_in4 \{ (\S+) \. (\d+)(?: timeout (\d+)ms)? \}$/gm,
    );
    const all = [...found].map(([, verb, address, port, timeout]) => ({ verb, place: `${address} ${port}`, timeout }));
    return all.flatMap(({ verb, place, timeout }, at) => {
      if (timeout !== undefined) return [`${place} open ${timeout}`];
      const isReplaced = all[at + 1]?.timeout !== undefined;
      return verb === 'delete' && !isReplaced ? [`${place} closed`] : [];
    });
  };
  changes();
  return {
    ...{ leases, clock, changes },
    refuse: (isOn: boolean) => (isOn ? writeFileSync(refuses, '') : rmSync(refuses)),
    lease: (lifetimeMs: number, port = 2500) => leases.lease({ direction: 'in', peer: '10.20.0.3', port, lifetimeMs }),
  };
}

test(
  'an opening that a check and a session hold is open until neither needs it, for the longer time',
  needs,
  async (t) => {
    const { clock, changes, lease } = await start(t);
    const check = await lease(60_000);
    const session = await lease(5_000);
    assert.deepEqual(changes(), ['10.20.0.3 2500 open 60000', '10.20.0.3 2500 open 60000']);
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    assert.deepEqual(changes(), ['10.20.0.3 2500 open 60000']);
    clock.advance(10_000);
    const next = await lease(5_000);
    assert.deepEqual(changes(), ['10.20.0.3 2500 open 50000']);
    // No longer than who is left needs it.
    await check[Symbol.asyncDispose]();
    assert.deepEqual(changes(), ['10.20.0.3 2500 open 5000']);
    await next[Symbol.asyncDispose]();
    assert.deepEqual(changes(), ['10.20.0.3 2500 closed']);
  },
);

test('other ports are other openings, and whose time is over holds nothing', needs, async (t) => {
  const { clock, changes, lease } = await start(t);
  // Nobody disposes this one.
  await lease(1_000);
  const other = await lease(60_000, 2501);
  clock.advance(1_000);
  const later = await lease(500);
  changes();
  await later[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  assert.deepEqual(changes(), ['10.20.0.3 2500 closed', '10.20.0.3 2501 closed']);
});

test('a lease that is refused holds nothing, and takes nothing from who has it', needs, async (t) => {
  const { changes, lease, refuse } = await start(t);
  const first = await lease(1_000);
  refuse(true);
  await assert.rejects(lease(60_000), (error) => hasCode(error, 'firewall.lease'));
  refuse(false);
  changes();
  await first[Symbol.asyncDispose]();
  assert.deepEqual(changes(), ['10.20.0.3 2500 closed']);
});
