import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type ErrorCode, HoldfastError, systemClock } from '@holdfast/core';
import type { HttpClient, HttpResponse } from '@holdfast/wire';
import { firstAttempts, retryAttempts } from '../limits.ts';
import { Exchange } from './exchange.ts';

const impatientClock = { ...systemClock, sleep: async () => undefined };

const fine: HttpResponse = {
  status: 200,
  headers: {},
  body: Readable.from([]),
  bytes: async () => Buffer.alloc(0),
  text: async () => '',
  json: async () => ({}),
};

/** Another end that answers some of the requests: each is an answer or an error, and the last one stands for all that follow. */
function exchangeWith(...steps: readonly (ErrorCode | 'answer')[]) {
  let asked = 0;
  const client: HttpClient = {
    request: async () => {
      const step = steps[Math.min(asked++, steps.length - 1)];
      if (step === undefined || step === 'answer') return fine;
      throw new HoldfastError(step);
    },
    upgrade: () => assert.fail('nothing is upgraded'),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const exchange = new Exchange({ client, credentials: undefined, maxParallelRequests: 1, clock: impatientClock });
  const ask = (): Promise<number> =>
    exchange.ask({ method: 'GET', path: '/', what: 'ask', signal: undefined, take: async ({ status }) => status });
  return { ask, asked: () => asked };
}

test('what may pass is tried again, a bounded number of times', async () => {
  const twice = exchangeWith('channel.refused', 'channel.closed', 'answer');
  assert.equal(await twice.ask(), 200);
  const never = exchangeWith('channel.refused');
  await assert.rejects(never.ask(), { code: 'channel.refused' });
  assert.equal(never.asked(), retryAttempts);
});

test('where nothing ever got through, a connection that nobody answers is tried once more only', async () => {
  for (const code of ['channel.timeout', 'lease.refused'] as const) {
    const blocked = exchangeWith(code);
    await assert.rejects(blocked.ask(), { code });
    assert.equal(blocked.asked(), firstAttempts);
  }
});

test('where something got through before, the network may come back', async () => {
  const cut = exchangeWith('answer', 'channel.timeout', 'channel.timeout', 'channel.timeout', 'answer');
  assert.equal(await cut.ask(), 200);
  assert.equal(await cut.ask(), 200);
  assert.equal(cut.asked(), 5);
});
