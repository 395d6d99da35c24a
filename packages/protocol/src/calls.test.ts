import assert from 'node:assert/strict';
import { Duplex, duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import fc from 'fast-check';
import { z } from 'zod';
import { CallPeer, type Handlers } from './calls.ts';
import { encodeFrame, readFrames } from './frames.ts';
import { heartbeatIntervalMs, heartbeatTimeoutMs, maxConcurrentCalls, maxFrameBytes } from './limits.ts';

const methods = {
  double: { params: z.strictObject({ value: z.number() }), result: z.number(), event: z.number() },
  echo: { params: z.string(), result: z.string(), event: z.never() },
} as const;
type Table = typeof methods;

function pair(t: TestContext, handlers: Handlers<Table>) {
  const [near, far] = duplexPair();
  const caller = new CallPeer<Table>({ stream: near, methods, handlers: {} });
  const server = new CallPeer<Table>({ stream: far, methods, handlers });
  t.after(async () => {
    await caller[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  return { caller, server, near, far };
}

/** A peer whose other end is the test's own, frame by frame. */
function alone(t: TestContext, handlers: Handlers<Table> = {}, clock?: ManualClock) {
  const [near, far] = duplexPair();
  const peer = new CallPeer<Table>({ stream: near, methods, handlers, ...(clock ? { clock } : {}) });
  t.after(() => peer[Symbol.asyncDispose]());
  const frames = readFrames(far);
  return {
    peer,
    far,
    send: (message: unknown) => far.write(encodeFrame(message)),
    next: async () => (await frames.next()).value as Record<string, unknown>,
  };
}

test('a call gives its result, after its events in order', async (t) => {
  const { caller } = pair(t, {
    double: async ({ value }, { emit }) => {
      for (let n = 1; n <= 3; n += 1) await emit(n);
      return value * 2;
    },
  });
  const events: number[] = [];
  assert.equal(await caller.call('double', { value: 21 }, { onEvent: (event) => events.push(event) }), 42);
  assert.deepEqual(events, [1, 2, 3]);
});

test('what the other end throws arrives as the same error', async (t) => {
  const { caller } = pair(t, {
    double: async () => {
      throw new HoldfastError('storage.full', { message: 'No space.', guidance: 'Buy a disk.', context: { bytes: 7 } });
    },
  });
  await assert.rejects(caller.call('double', { value: 1 }), {
    code: 'storage.full',
    message: 'No space.',
    guidance: 'Buy a disk.',
    context: { bytes: 7 },
  });
});

test('a lost call is told from one that failed, even when both are called channel.closed', async (t) => {
  const reported = pair(t, {
    echo: async () => {
      throw new HoldfastError('channel.closed', { message: 'My own channel was cut.' });
    },
  });
  const failed = await reported.caller.call('echo', '').catch((error: unknown) => error);
  await reported.caller[Symbol.asyncDispose]();
  assert.ok(failed instanceof HoldfastError);
  assert.notEqual(failed, reported.caller.ending);

  const { caller, far } = pair(t, { echo: () => new Promise(() => undefined) });
  const call = caller.call('echo', '').catch((error: unknown) => error);
  far.destroy();
  const lost = await call;
  assert.ok(lost instanceof HoldfastError);
  assert.equal(lost, caller.ending);
  await assert.rejects(caller.call('echo', 'later'), (error) => error === caller.ending);
});

test('cancelling aborts the handler at the other end, and the caller at once', async (t) => {
  const aborted = Promise.withResolvers<unknown>();
  const { caller } = pair(t, {
    echo: (_text, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve(signal.reason));
      return new Promise(() => undefined);
    },
  });
  const stop = new AbortController();
  const call = caller.call('echo', '', { signal: stop.signal });
  stop.abort(new HoldfastError('run.cancelled', { message: 'enough' }));
  await assert.rejects(call, { message: 'enough' });
  assert.equal(((await aborted.promise) as HoldfastError).code, 'run.cancelled');
});

test('a handler is aborted when its connection ends', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const { caller, near } = pair(t, {
    echo: (_text, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      near.destroy();
      return new Promise(() => undefined);
    },
  });
  await assert.rejects(caller.call('echo', ''), { code: 'channel.closed' });
  await aborted.promise;
});

test('what a method does not allow is refused on either side', async (t) => {
  const { caller } = pair(t, { double: async () => Number.NaN });
  await assert.rejects(caller.call('double', { value: 'x' as unknown as number }), { code: 'request.invalid' });
  // NaN travels as null.
  await assert.rejects(caller.call('double', { value: 1 }), { code: 'request.invalid' });
  await assert.rejects(caller.call('echo', 'x'), { code: 'request.missing' });
  const { send, next } = alone(t, { echo: async (text) => text });
  for (const method of ['toString', '__proto__', 'constructor']) {
    send({ type: 'call', id: 1, method, params: {} });
    assert.equal(((await next())['error'] as { code: string }).code, 'request.missing', method);
  }
});

test('a call that is too large fails alone', async (t) => {
  const { caller } = pair(t, { echo: async (text) => `${text}${text}` });
  await assert.rejects(caller.call('echo', 'x'.repeat(maxFrameBytes)), { code: 'internal.limit' });
  // The answer would be too large: its caller is told so.
  await assert.rejects(caller.call('echo', 'x'.repeat(maxFrameBytes / 2)), { code: 'internal.limit' });
  assert.equal(await caller.call('echo', 'ab'), 'abab');
});

test('calls beyond the limit are refused, by the caller itself and by the other end', async (t) => {
  const waiting = Promise.withResolvers<string>();
  const { caller } = pair(t, { echo: () => waiting.promise });
  const calls = Array.from({ length: maxConcurrentCalls }, () => caller.call('echo', ''));
  await assert.rejects(caller.call('echo', ''), { code: 'internal.limit' });
  waiting.resolve('done');
  await Promise.all(calls);

  const { send, next } = alone(t, { echo: () => new Promise(() => undefined) });
  for (let id = 0; id <= maxConcurrentCalls; id += 1) send({ type: 'call', id, method: 'echo', params: '' });
  const refused = await next();
  assert.equal(refused['id'], maxConcurrentCalls);
  assert.equal((refused['error'] as { code: string }).code, 'internal.limit');
});

test('whoever floods calls and reads no answers is not read either', async (t) => {
  let taken = 0;
  const stuck = new Duplex({
    highWaterMark: 1024,
    read() {
      taken += 1;
      this.push(encodeFrame({ type: 'call', id: taken, method: 'nothing', params: null }));
    },
    // Never calls back: the other end does not read.
    write() {},
  });
  const peer = new CallPeer<Table>({ stream: stuck, methods, handlers: {} });
  t.after(() => peer[Symbol.asyncDispose]());
  for (let turns = 0, before = -1; turns < 100 && taken < 1000; turns += 1) {
    if (taken !== before) turns = 0;
    before = taken;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(taken < 100, `${taken} calls were read`);
});

test('a message that is none ends the connection, with the reason', async (t) => {
  for (const wrong of [{ type: 'shout' }, { type: 'call', id: -1, method: 'echo' }, 7, null]) {
    const { peer, send } = alone(t);
    send(wrong);
    assert.equal((await peer.closed)?.code, 'request.invalid');
  }
  const { peer, far } = alone(t);
  far.end();
  assert.equal(await peer.closed, undefined);
});

test('answers and events to calls that nobody made are passed over', async (t) => {
  const { peer, send, next } = alone(t);
  send({ type: 'result', id: 9, result: 1 });
  send({ type: 'event', id: 9, event: 1 });
  send({ type: 'error', id: 9, error: { code: 'x', message: 'y', guidance: 'z', retry: 'unknown' } });
  send({ type: 'cancel', id: 9 });
  const call = peer.call('double', { value: 1 });
  const { id } = await next();
  send({ type: 'error', id, error: { code: 'of.a.later.version', message: 'y', guidance: 'z', retry: 'unknown' } });
  await assert.rejects(call, { code: 'internal.unexpected', message: 'y' });
});

test('a silent connection is asked for a sign of life, and given up', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const clock = new ManualClock();
  const { peer, next, send } = alone(t, {}, clock);
  t.mock.timers.tick(heartbeatIntervalMs);
  assert.deepEqual(await next(), { type: 'ping' });
  clock.advance(heartbeatTimeoutMs);
  send({ type: 'ping' });
  await new Promise((resolve) => setImmediate(resolve));
  t.mock.timers.tick(heartbeatIntervalMs);
  assert.deepEqual(await next(), { type: 'ping' });
  clock.advance(heartbeatTimeoutMs + 1);
  t.mock.timers.tick(heartbeatIntervalMs);
  assert.match((await peer.closed)?.message ?? '', /silent/);
});

test('foreign bytes end a connection and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          fc.jsonValue().map((value) => encodeFrame(value)),
        ),
      ),
      async (chunks) => {
        const [near, far] = duplexPair();
        await using peer = new CallPeer<Table>({ stream: near, methods, handlers: { echo: async (text) => text } });
        far.resume();
        far.on('error', () => undefined);
        for (const chunk of chunks) if (!far.destroyed) far.write(chunk);
        far.end();
        const ended = await peer.closed;
        assert.ok(ended === undefined || ended instanceof HoldfastError);
      },
    ),
    { numRuns: 50 },
  );
});
