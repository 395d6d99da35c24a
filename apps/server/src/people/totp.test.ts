import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base32, stepAt, stepOfCode, totpCode, totpUri } from './totp.ts';

const secret = Buffer.from('12345678901234567890');

test('codes are those of RFC 6238, appendix B, in their last six digits', () => {
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const)
    assert.equal(totpCode(secret, stepAt(new Date(seconds * 1000))), code);
});

test('a code is known in its step and in the ones beside it, and no longer', () => {
  const at = (seconds: number) => new Date(seconds * 1000);
  for (const seconds of [30, 59, 60, 89, 119]) assert.equal(stepOfCode(secret, totpCode(secret, 2), at(seconds)), 2);
  for (const seconds of [29, 120]) assert.equal(stepOfCode(secret, totpCode(secret, 2), at(seconds)), undefined);
  for (const wrong of ['', '1', 'abcdef', '2870822', '28708２'])
    assert.equal(stepOfCode(secret, wrong, at(59)), undefined);
});

test('base32 is that of RFC 4648, section 10', () => {
  const padless = {
    '': '',
    f: 'MY',
    fo: 'MZXQ',
    foo: 'MZXW6',
    foob: 'MZXW6YQ',
    fooba: 'MZXW6YTB',
    foobar: 'MZXW6YTBOI',
  };
  for (const [text, encoded] of Object.entries(padless)) assert.equal(base32(Buffer.from(text)), encoded);
});

test('the address for authenticators survives odd names', () => {
  const uri = new URL(totpUri({ secret, account: 'a b@example.org', issuer: 'Holdfast &co' }));
  assert.equal(uri.searchParams.get('secret'), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  assert.equal(uri.searchParams.get('issuer'), 'Holdfast &co');
});
