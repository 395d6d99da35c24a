import assert from 'node:assert/strict';
import { BlockList, isIPv4 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PlannedHost } from '../plan/plan.ts';
import { parseBlock } from '../topology/address.ts';
import { peerAddresses } from './addresses.ts';

function peer(addresses: readonly string[]): PlannedHost {
  return { name: 'peer', zone: 'zone', addresses, names: [], roles: [], managed: false };
}

/** Few bits, so that many contain others. */
const block = fc.tuple(fc.boolean(), fc.nat(255), fc.integer({ min: 0, max: 8 })).map(([isFour, value, length]) => {
  const bits = value & (0xff00 >> length);
  return isFour ? `10.0.0.${bits}/${24 + length}` : `2001:db8::${bits.toString(16)}/${120 + length}`;
});

function isCovered(list: readonly string[], address: string): boolean {
  const blocks = new BlockList();
  for (const entry of list) {
    const [network = '', length] = entry.split('/');
    const family = isIPv4(network) ? 'ipv4' : 'ipv6';
    blocks.addSubnet(network, Number(length ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  return blocks.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

test('the same addresses are covered, by entries that are canonical, sorted, and contain none of each other', () => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 8 }), fc.nat(255), (given, last) => {
      const { any, ipv4, ipv6 } = peerAddresses([peer(given.slice(0, 2)), peer(given)]);
      assert.ok(!any);
      for (const address of [`10.0.0.${last}`, `2001:db8::${last.toString(16)}`])
        assert.equal(isCovered([...ipv4, ...ipv6], address), isCovered(given, address), address);
      for (const list of [ipv4, ipv6]) {
        const parsed = list.map((entry) => parseBlock(entry));
        parsed.forEach((one, index) => {
          const before = parsed[index - 1];
          assert.ok(typeof one !== 'string' && typeof before !== 'string');
          assert.equal(one.text, list[index]);
          assert.ok(!before || before.last < one.first);
        });
      }
    }),
  );
});

test('a peer that is known by name alone stands for every address', () => {
  assert.deepEqual(peerAddresses([peer(['10.0.0.1']), peer([])]), { any: true, ipv4: [], ipv6: [] });
});

test('what is no address in canonical form gets into no rule', () => {
  for (const wrong of [
    '10.0.0.1; reboot',
    '10.0.0.1/8',
    '10.0.0.1/33',
    '10.0.0.0/8/8',
    '010.0.0.1',
    'fe80::1%eth0',
    ':::',
    'host',
    '',
  ])
    assert.throws(() => peerAddresses([peer([wrong])]), TypeError, wrong);
});
