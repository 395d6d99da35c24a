import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { rejects } from './conformance/content.ts';
import { basicCredentials, renewingToken, type Token } from './credentials.ts';

const request = { method: 'GET', path: '/', headers: {} };

/** Tokens that are named by their number and live for a given time. */
function tokens(clock: ManualClock, lifeMs: number) {
  const made: Token[] = [];
  const state = { made, failing: false };
  const obtain = async (): Promise<Token> => {
    if (state.failing) throw new HoldfastError('channel.refused');
    const token = { token: `t${made.length + 1}`, expiresAt: new Date(clock.now().getTime() + lifeMs) };
    made.push(token);
    return token;
  };
  return { state, obtain };
}

test('a token is kept until a minute before it expires, then renewed', async () => {
  const clock = new ManualClock();
  const { obtain } = tokens(clock, 600_000);
  const source = renewingToken({ obtain, clock });
  const now = async () => (await source.authorize(request, {}))['authorization'];
  assert.equal(await now(), 'Bearer t1');
  clock.advance(539_999);
  assert.equal(await now(), 'Bearer t1');
  clock.advance(1);
  assert.equal(await now(), 'Bearer t2');
});

test('a short life is used for two thirds', async () => {
  const clock = new ManualClock();
  const { obtain } = tokens(clock, 30_000);
  const source = renewingToken({ obtain, clock });
  await source.authorize(request, {});
  clock.advance(19_999);
  assert.equal((await source.authorize(request, {}))['authorization'], 'Bearer t1');
  clock.advance(1);
  assert.equal((await source.authorize(request, {}))['authorization'], 'Bearer t2');
});

test('requests at the same time share one renewal', async () => {
  const clock = new ManualClock();
  const { state, obtain } = tokens(clock, 600_000);
  const source = renewingToken({ obtain, clock });
  const all = await Promise.all(Array.from({ length: 10 }, () => source.authorize(request, {})));
  assert.equal(state.made.length, 1);
  for (const headers of all) assert.deepEqual(headers, { authorization: 'Bearer t1' });
});

test('a failed renewal harms nobody while the token is good, and is not tried at every request', async () => {
  const clock = new ManualClock();
  const { state, obtain } = tokens(clock, 600_000);
  const source = renewingToken({ obtain, clock });
  await source.authorize(request, {});
  clock.advance(540_000);
  state.failing = true;
  assert.equal((await source.authorize(request, {}))['authorization'], 'Bearer t1');
  state.failing = false;
  clock.advance(4_999);
  assert.equal((await source.authorize(request, {}))['authorization'], 'Bearer t1');
  clock.advance(1);
  assert.equal((await source.authorize(request, {}))['authorization'], 'Bearer t2');
  state.failing = true;
  clock.advance(600_000);
  await rejects(source.authorize(request, {}), 'channel.refused');
});

test('a refused token is replaced, but not one that was renewed meanwhile', async () => {
  const clock = new ManualClock();
  const { state, obtain } = tokens(clock, 600_000);
  const source = renewingToken({
    obtain,
    clock,
    first: { token: 't0', expiresAt: new Date(clock.now().getTime() + 600_000) },
  });
  const old = await source.authorize(request, {});
  assert.deepEqual(old, { authorization: 'Bearer t0' });
  assert.equal(source.refused(old), true);
  assert.deepEqual(await source.authorize(request, {}), { authorization: 'Bearer t1' });
  assert.equal(source.refused(old), true);
  assert.deepEqual(await source.authorize(request, {}), { authorization: 'Bearer t1' });
  assert.equal(state.made.length, 1);
});

test('waiting for a renewal can be aborted without stopping it for others', async () => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<Token>();
  const source = renewingToken({ obtain: () => gate.promise, clock });
  const abort = new AbortController();
  const impatient = source.authorize(request, { signal: abort.signal });
  const patient = source.authorize(request, {});
  abort.abort();
  await rejects(impatient, 'run.cancelled');
  gate.resolve({ token: 'late', expiresAt: new Date(clock.now().getTime() + 600_000) });
  assert.deepEqual(await patient, { authorization: 'Bearer late' });
});

test('Basic credentials are those of RFC 7617', async () => {
  const source = basicCredentials({ user: 'Aladdin', password: 'open sesame' });
  assert.deepEqual(await source.authorize(request, {}), { authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' });
  assert.equal(source.refused({}), false);
  assert.throws(() => basicCredentials({ user: 'a:b', password: '' }), { code: 'usage.configuration' });
});
