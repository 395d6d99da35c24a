import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { maxWaitingForHandshake } from './limits.ts';
import { WaitingRoom } from './waiting-room.ts';

function roomOf(t: TestContext, waitMs = 120_000) {
  const cut = { times: 0, told: Promise.withResolvers<void>() };
  const onCut = (): void => {
    cut.times += 1;
    cut.told.resolve();
  };
  const room = new WaitingRoom({ waitMs, onCut });
  t.after(() => room.close());
  const enter = (address: string): Socket => {
    const socket = new Socket();
    room.enter(socket, address);
    return socket;
  };
  return { room, cut, enter };
}

test('addresses take turns, each with its first one, and those that may not are passed over', (t) => {
  const { room, enter } = roomOf(t);
  const waiting = ['a', 'a', 'a', 'b', 'c'].map(enter);
  const next = (...may: string[]): number => {
    const found = room.next((address) => may.includes(address));
    return found ? waiting.indexOf(found.socket) : -1;
  };
  assert.equal(next('b', 'c'), 3);
  assert.equal(next('a', 'c'), 0);
  assert.equal(next('a', 'c'), 4);
  assert.equal(next('b', 'c'), -1);
  assert.deepEqual([next('a'), next('a'), next('a')], [1, 2, -1]);
  assert.equal(room.size, 0);
});

test('who has gone waits no more, and who has waited too long is cut', async (t) => {
  const { room, cut, enter } = roomOf(t, 10);
  const gone = enter('a');
  gone.emit('close');
  assert.equal(room.size, 0);
  const late = enter('a');
  await cut.told.promise;
  assert.deepEqual([late.destroyed, cut.times, room.size], [true, 1, 0]);
});

test('a full room has a place for another address, at the cost of the one that has the most', (t) => {
  const { room, cut, enter } = roomOf(t);
  const [first] = Array.from({ length: maxWaitingForHandshake - 1 }, () => enter('many'));
  const last = enter('many');
  const other = enter('other');
  assert.deepEqual([first?.destroyed, last.destroyed, other.destroyed], [false, true, false]);
  assert.deepEqual([cut.times, room.size], [1, maxWaitingForHandshake]);
  room.close();
  assert.deepEqual([first?.destroyed, other.destroyed, room.size], [true, true, 0]);
});
