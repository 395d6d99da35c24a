import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Block, contains, overlaps, parseBlock, parseHostBlock } from './address.ts';

function block(text: string): Block {
  const parsed = parseBlock(text);
  if (typeof parsed === 'string') assert.fail(parsed);
  return parsed;
}

test('addresses and prefixes in canonical form', () => {
  for (const [given, canonical] of [
    ['10.1.0.0/16', '10.1.0.0/16'],
    ['10.1.2.3/32', '10.1.2.3'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::/32', '2001:db8::/32'],
    ['::/0', '::/0'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00::1/128', 'fd00::1'],
  ] as const)
    assert.equal(block(given).text, canonical);
});

test('what firewalls would read in different ways is refused', () => {
  for (const wrong of [
    '',
    '1',
    '10.1',
    '010.1.2.3',
    '0x7f.0.0.1',
    '1.2.3.4/33',
    '1.2.3.4/',
    '1.2.3.4/8/8',
    '::1%eth0',
    ':::',
    'a.b.c.d',
    ' 10.0.0.1',
    '::1/129',
    '10.0.0.1/8',
  ])
    assert.equal(typeof parseBlock(wrong), 'string', wrong);
});

test('what no host has for others is refused', () => {
  for (const wrong of [
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '::ffff:10.0.0.1',
  ])
    assert.equal(typeof parseHostBlock(wrong), 'string', wrong);
  for (const right of ['10.0.0.1', '169.254.0.1', 'fe80::1', '2001:db8::/32'])
    assert.equal(typeof parseHostBlock(right), 'object', right);
});

const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });

test('any IPv6 address has the form that the URL standard gives it, too', () => {
  fc.assert(
    fc.property(groups, (given) => {
      const text = given.map((group) => group.toString(16)).join(':');
      fc.pre(given.slice(0, 5).some((group) => group !== 0));
      assert.equal(block(text).text, new URL(`http://[${text}]/`).hostname.slice(1, -1));
    }),
    { seed: 20_261_121, numRuns: 300 },
  );
});

/** A prefix within 10.0.0.0/26, so that many overlap. */
const prefix = fc.tuple(fc.nat(63), fc.integer({ min: 26, max: 32 })).map(([value, length]) => {
  const size = 2 ** (32 - length);
  return `10.0.0.${value - (value % size)}/${length}`;
});

test('a prefix contains an address where Node says so', () => {
  fc.assert(
    fc.property(prefix, fc.nat(63), (text, last) => {
      const list = new BlockList();
      const [network = '', length] = text.split('/');
      list.addSubnet(network, Number(length));
      assert.equal(contains(block(text), block(`10.0.0.${last}`)), list.check(`10.0.0.${last}`));
    }),
    { seed: 20_261_121, numRuns: 300 },
  );
});

test('every block that overlaps an earlier one is found, and no other', () => {
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 8 }), (texts) => {
      const all = texts.map((text) => ({ block: block(text) }));
      const meets = (a: Block, b: Block): boolean => a.first <= b.last && b.first <= a.last;
      const found = overlaps(all);
      for (const [one, other] of found) assert.ok(one !== other && meets(one.block, other.block));
      const isFree = all.every((one) => all.every((other) => one === other || !meets(one.block, other.block)));
      assert.equal(found.length === 0, isFree);
    }),
    { seed: 20_261_121, numRuns: 500 },
  );
});
