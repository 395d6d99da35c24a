import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { AttemptLimiter } from './attempt-limiter.ts';
import { maxLimitedAddresses } from './limits.ts';

function use(limiter: AttemptLimiter, address: string): void {
  limiter.check(address);
  limiter.count(address);
}

test('an address has its attempts in a minute, and other addresses theirs', () => {
  const clock = new ManualClock();
  const limiter = new AttemptLimiter({ what: 'tries', limit: 2, clock });
  use(limiter, '192.0.2.1');
  use(limiter, '192.0.2.1');
  assert.throws(() => limiter.check('192.0.2.1'), { code: 'auth.rate' });
  limiter.check('192.0.2.2');
  clock.advance(59_999);
  assert.throws(() => limiter.check('192.0.2.1'), { code: 'auth.rate' });
  clock.advance(1);
  use(limiter, '192.0.2.1');
});

test('the addresses of one IPv6 network count as one', () => {
  const limiter = new AttemptLimiter({ what: 'tries', limit: 2, clock: new ManualClock() });
  use(limiter, '2001:db8::1');
  use(limiter, '2001:db8:0:0:1:2:3:4');
  assert.throws(() => limiter.check('2001:db8::ffff'), { code: 'auth.rate' });
  limiter.check('2001:db8:0:1::1');
  limiter.check('::1');
});

test('it remembers a bounded number of addresses and forgets the longest unseen', () => {
  const limiter = new AttemptLimiter({ what: 'tries', limit: 1, clock: new ManualClock() });
  const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  for (let n = 0; n < maxLimitedAddresses; n += 1) limiter.count(address(n));
  assert.throws(() => limiter.check(address(0)), { code: 'auth.rate' });
  limiter.count(address(maxLimitedAddresses));
  limiter.check(address(0));
  assert.throws(() => limiter.check(address(1)), { code: 'auth.rate' });
});
