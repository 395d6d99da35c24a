import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from '@holdfast/core';
import { freePort } from '@holdfast/core/testing';
import { testFleet } from './wire-fixture.ts';
import type { WireOptions } from './wire-options.ts';

const fleet = await testFleet();
const data = 'agent-to-mover-data';
const from = await freePort();
const overrides = { [data]: { from, to: from } };
const peer = '127.0.0.1';

/** A firewall that writes down what it is asked for. */
function notingFirewall(notes: string[]): NonNullable<WireOptions['firewall']> {
  return {
    lease: async ({ direction, peer: who, port, lifetimeMs }) => {
      const place = `${direction} ${who} ${port}`;
      notes.push(`open ${place} for ${lifetimeMs} ms`);
      return { [Symbol.asyncDispose]: async () => void notes.push(`close ${place}`) };
    },
  };
}

test('both sides open their firewall for the peer and port, until the connection stands', async (t) => {
  const [listening, dialling]: [string[], string[]] = [[], []];
  const mover = fleet.wire(t, fleet.mover, { overrides, firewall: notingFirewall(listening) });
  const agent = fleet.wire(t, fleet.agent, { firewall: notingFirewall(dialling) });
  const nonce = randomBytes(32);
  const lease = await mover.lease(data, { nonce, fingerprint: fleet.agent.fingerprint, peer, expireMs: 50_000 });
  assert.deepEqual(listening, [`open in ${peer} ${from} for 50000 ms`]);
  await agent.dialLease(data, peer, lease.port, { nonce, timeoutMs: 90_000 });
  await lease.connection;
  await setImmediate();
  assert.deepEqual(listening.slice(1), [`close in ${peer} ${from}`]);
  assert.deepEqual(dialling, [`open out ${peer} ${from} for 90000 ms`, `close out ${peer} ${from}`]);
});

test('it is closed when nobody came, and when the dial failed; within one computer nothing is opened', async (t) => {
  const notes: string[] = [];
  const firewall = notingFirewall(notes);
  const mover = fleet.wire(t, fleet.mover, { overrides, firewall });
  const terms = { nonce: randomBytes(32), fingerprint: fleet.agent.fingerprint, peer };
  const lease = await mover.lease(data, terms);
  await lease[Symbol.asyncDispose]();
  await setImmediate();
  assert.deepEqual(notes.splice(0).slice(1), [`close in ${peer} ${from}`]);
  await assert.rejects(mover.dialLease(data, peer, from, { nonce: randomBytes(32) }), { code: 'channel.refused' });
  assert.deepEqual(notes.splice(0).slice(1), [`close out ${peer} ${from}`]);
  await mover.lease('agent-local-data', terms);
  assert.deepEqual(notes, []);
});

test('a port whose firewall stays closed is not leased', async (t) => {
  const refusal = new HoldfastError('firewall.lease', { message: 'no sets' });
  const firewall = { lease: () => Promise.reject(refusal) };
  const mover = fleet.wire(t, fleet.mover, { overrides, firewall });
  const terms = { nonce: randomBytes(32), fingerprint: fleet.agent.fingerprint };
  await assert.rejects(mover.lease(data, { ...terms, peer }), refusal);
  // The only port of the range is free again.
  assert.equal((await mover.lease(data, terms)).port, from);
});
