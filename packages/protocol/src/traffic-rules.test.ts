import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressRanges, addressRange } from './traffic-rules.ts';

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

test('an address is in a range exactly if arithmetic says so', () => {
  // Few values, so that addresses and ranges meet.
  const ipv4 = fc.tuple(fc.constantFrom(10, 192), fc.nat(3), fc.nat(3), fc.nat(255)).map((parts) => parts.join('.'));
  const range = fc.oneof(
    ipv4.map((address) => ({ text: address, from: numberOf(address), to: numberOf(address) })),
    fc.tuple(ipv4, fc.nat(32)).map(([address, bits]) => {
      const size = 2 ** (32 - bits);
      const from = Math.floor(numberOf(address) / size) * size;
      return { text: `${address}/${bits}`, from, to: from + size - 1 };
    }),
    fc
      .tuple(ipv4, ipv4)
      .map((ends) => ends.toSorted((a, b) => numberOf(a) - numberOf(b)))
      .map(([from = '', to = '']) => ({ text: `${from}-${to}`, from: numberOf(from), to: numberOf(to) })),
  );
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), ipv4, (ranges, address) => {
      for (const { text } of ranges) assert.equal(addressRange.parse(text), text);
      const expected = ranges.some(({ from, to }) => from <= numberOf(address) && numberOf(address) <= to);
      const list = new AddressRanges(ranges.map(({ text }) => text));
      assert.equal(list.contain(address), expected);
      assert.equal(list.contain(`::ffff:${address}`), expected);
    }),
  );
});

test('IPv6, no ranges, and what is none', () => {
  const list = new AddressRanges(['2001:db8::/32', 'fe80::1-fe80::ff']);
  for (const address of ['2001:db8:1::5', 'fe80::1', 'fe80::ff%eth0'])
    assert.equal(list.contain(address), true, address);
  for (const address of ['2001:db9::', 'fe80::100', '10.0.0.1', '', 'host'])
    assert.equal(list.contain(address), false, address);
  assert.equal(new AddressRanges([]).contain('10.0.0.1'), true);
  assert.equal(new AddressRanges([]).contain(''), false);
  const none = [
    '',
    'host',
    '10.0.0.0/33',
    '10.0.0.9-10.0.0.1',
    '10.0.0.1-::1',
    '10.0.0.1/8-10.0.0.2',
    '10.0.0.0/',
    '::/129',
    '1.2.3',
    '10.0.0.1-',
    'fe80::1%eth0',
    '10.0.0.0/8/8',
  ];
  for (const text of none) assert.equal(addressRange.safeParse(text).success, false, text);
  fc.assert(fc.property(fc.string(), (text) => void addressRange.safeParse(text)));
});
