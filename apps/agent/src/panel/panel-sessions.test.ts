import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { linkLifetimeMs, maxPanelSessions, panelIdleMs, panelSessionMs } from '../limits.ts';
import { createPanelLink, removePanelKey, savePanelKey } from './panel-link.ts';
import { PanelSessions } from './panel-sessions.ts';

const used = { code: 'panel.link' };

async function fixture(t: Parameters<typeof temporaryFolder>[0]) {
  const dataDir = temporaryFolder(t);
  const clock = new ManualClock();
  const sessions = new PanelSessions({ clock });
  await savePanelKey(dataDir, { port: 9395, key: sessions.linkKey });
  const link = async (): Promise<string> => (await createPanelLink({ dataDir, clock })).url.split('#link=')[1] ?? '';
  return { dataDir, clock, sessions, link };
}

test('a link is good once, for five minutes, and for the agent that runs now', async (t) => {
  const { dataDir, clock, sessions, link } = await fixture(t);
  if (process.platform !== 'win32') assert.equal(statSync(join(dataDir, 'panel.json')).mode & 0o777, 0o600);
  const first = await link();
  sessions.signIn(first);
  assert.throws(() => sessions.signIn(first), used);
  const late = await link();
  clock.advance(linkLifetimeMs);
  assert.throws(() => sessions.signIn(late), used);
  // What was used is forgotten only when it has expired.
  assert.throws(() => sessions.signIn(first), used);
  const [expires = '', nonce = '', proof = ''] = (await link()).split('.');
  for (const forged of [
    `${expires}z.${nonce}.${proof}`,
    `${expires}..${proof}`,
    `${expires}.${nonce}.`,
    '',
    '.',
    proof,
  ])
    assert.throws(() => sessions.signIn(forged), used);
  assert.throws(() => new PanelSessions({ clock }).signIn(`${expires}.${nonce}.${proof}`), used);
  sessions.signIn(`${expires}.${nonce}.${proof}`);
  await removePanelKey(dataDir);
  await assert.rejects(link(), { code: 'panel.closed' });
});

test('a session needs both halves, ends when nobody uses it, and in any case', async (t) => {
  const { clock, sessions, link } = await fixture(t);
  const [one, other] = [sessions.signIn(await link()), sessions.signIn(await link())];
  const byPerson = true;
  assert.ok(sessions.admits({ ...one, byPerson }));
  assert.ok(!sessions.admits({ cookie: one.cookie, key: other.key, byPerson }));
  assert.ok(!sessions.admits({ cookie: one.cookie, key: '', byPerson }));
  assert.ok(!sessions.admits({ cookie: '', key: one.key, byPerson }));
  sessions.signOut(other.cookie);
  assert.ok(!sessions.admits({ ...other, byPerson }));
  const step = panelIdleMs - 1;
  for (let ageMs = step; ageMs < panelSessionMs; ageMs += step) {
    clock.advance(step);
    assert.ok(sessions.admits({ ...one, byPerson }));
  }
  clock.advance(step);
  assert.ok(!sessions.admits({ ...one, byPerson }), 'twelve hours are over');

  const watched = sessions.signIn(await link());
  clock.advance(step);
  assert.ok(sessions.admits({ ...watched, byPerson: false }));
  clock.advance(1);
  assert.ok(!sessions.admits({ ...watched, byPerson: false }), 'a page that asks by itself keeps nothing alive');

  const oldest = sessions.signIn(await link());
  for (let at = 0; at < maxPanelSessions; at += 1) sessions.signIn(await link());
  assert.ok(!sessions.admits({ ...oldest, byPerson }), 'it has made room');
});
