import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { maxPanelTickets, panelTicketMs } from '../limits.ts';
import { PanelTickets } from './panel-tickets.ts';

const what = { policyId: crypto.randomUUID(), snapshotId: 'ab'.repeat(32), root: '/srv', path: '/letter' };
const refused = { code: 'auth.required' };

test('a download is good once, for a minute, and for the browser that asked', () => {
  const clock = new ManualClock();
  const tickets = new PanelTickets({ clock });
  const first = tickets.give('cookie', what);
  assert.throws(() => tickets.take(first, 'another'), refused);
  assert.throws(() => tickets.take(first, ''), refused);
  assert.deepEqual(tickets.take(first, 'cookie'), what);
  assert.throws(() => tickets.take(first, 'cookie'), refused);
  const late = tickets.give('cookie', what);
  clock.advance(panelTicketMs);
  assert.throws(() => tickets.take(late, 'cookie'), refused);
  const oldest = tickets.give('cookie', what);
  for (let more = 0; more < maxPanelTickets; more += 1) tickets.give('cookie', what);
  assert.throws(() => tickets.take(oldest, 'cookie'), refused);
});
