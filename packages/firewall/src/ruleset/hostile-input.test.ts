import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import fc from 'fast-check';
import { parseSocketTable } from '../sockets/socket-table.ts';
import { evaluate } from './evaluate.ts';
import { readIptables } from './iptables-reader.ts';
import { readNft } from './nft-reader.ts';
import type { Packet, Table } from './ruleset.ts';

const packet: Packet = {
  direction: 'in',
  family: 'ipv4',
  source: 0x0a_14_00_03n,
  destination: 0x0a_14_00_02n,
  transport: 'tcp',
  port: 6162,
  device: 'eth0',
};
const fates = ['passes', 'stops', 'unknown'];
const decides = (tables: readonly Table[]): void => assert.ok(fates.includes(evaluate(tables, packet).kind));

const words = fc.constantFrom(
  ...[
    'constructor',
    '__proto__',
    'toString',
    '',
    '@',
    '@set',
    'lo',
    '10.20.0.3',
    '10.0.0.0/8',
    '6162',
    'accept',
    'tcp',
  ],
);
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    ...[words, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)],
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        ...[
          'match',
          'op',
          'left',
          'right',
          'payload',
          'protocol',
          'field',
          'meta',
          'key',
          'ct',
          'fib',
          'concat',
          'set',
        ],
        ...['prefix', 'addr', 'len', 'range', 'elem', 'val', 'vmap', 'data', 'jump', 'target', 'accept', 'drop', 'xt'],
      ),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any;

test('whatever nft prints, a ruleset is read or refused, and decides', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 4 }), value, words, (expr, elem, name) => {
      const place = { family: 'inet', table: name };
      const nftables = [
        { table: { family: 'inet', name } },
        { set: { ...place, name: 'set', elem } },
        { chain: { ...place, name, hook: 'input', type: 'filter', prio: 0, policy: 'drop' } },
        { rule: { ...place, chain: name, handle: 1, expr } },
        {
          rule: {
            ...place,
            chain: name,
            handle: 2,
            expr: [{ vmap: { key: elem, data: elem } }, { jump: { target: name } }],
          },
        },
      ];
      decides(readNft(JSON.stringify({ nftables })));
    }),
    { seed: 1 },
  );
  assert.throws(
    () => readNft('no JSON'),
    (error: unknown) => hasCode(error, 'firewall.unreadable'),
  );
  decides(readNft('[1]'));
});

test('whatever iptables prints, and whatever the tables of sockets hold', () => {
  const option = fc.constantFrom(
    ...[
      '!',
      '-p',
      '-s',
      '-d',
      '-i',
      '-m',
      '-j',
      '-g',
      '--dport',
      '--dports',
      '--ctstate',
      '--comment',
      '"',
      '\\"',
      'tcp',
    ],
    ...['10.0.0.0/8', '1:2', '1,x', 'ACCEPT', 'X', 'constructor', 'conntrack', 'lo+'],
  );
  fc.assert(
    fc.property(fc.array(fc.array(option, { maxLength: 8 }), { maxLength: 5 }), fc.string(), (rules, noise) => {
      const lines = rules.map((parts) => `[0:0] -A INPUT ${parts.join(' ')}`);
      const chains = [':INPUT DROP [0:0]', ':X - [0:0]', ':constructor - [0:0]', '-A X -j X'];
      decides(readIptables(['*filter', ...chains, ...lines, noise, 'COMMIT'].join('\n'), 'ipv4'));
      parseSocketTable(noise, 'tcp');
    }),
    { seed: 1 },
  );
});

test('a comment is no rule, whatever is in it', () => {
  const comment = 'x\n-A INPUT -j ACCEPT\n\\"\\\\';
  const saved = `*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -m comment --comment "${comment}" -j DROP\nCOMMIT\n`;
  const [table] = readIptables(saved, 'ipv4');
  assert.deepEqual(
    table?.chains.get('INPUT')?.map((rule) => rule.comment),
    ['x\n-A INPUT -j ACCEPT\n"\\'],
  );
  assert.equal(evaluate([...(table ? [table] : [])], packet).kind, 'stops');
});

test('chains that call each other more often, or deeper, than anybody can follow', () => {
  const fate = (rules: readonly string[]): string => {
    const chains = Array.from({ length: 40 }, (_, index) => `:c${index} - [0:0]`);
    return evaluate(
      readIptables(['*filter', ':INPUT DROP [0:0]', ...chains, ...rules, 'COMMIT'].join('\n'), 'ipv4'),
      packet,
    ).kind;
  };
  // 4^15 ways through it.
  const many = Array.from({ length: 15 }, (_, index) =>
    Array.from({ length: 4 }, () => `-A c${index} -j c${index + 1}`),
  ).flat();
  assert.equal(fate(['-A INPUT -j c0', ...many, '-A INPUT -p tcp -j ACCEPT']), 'passes');
  const deep = Array.from({ length: 30 }, (_, index) => `-A c${index} -j c${index + 1}`);
  assert.equal(fate(['-A INPUT -j c0', ...deep, '-A c30 -j DROP', '-A INPUT -j ACCEPT']), 'unknown');
});

test('tables that sleep decide nothing', () => {
  const nftables = (flags: unknown) =>
    JSON.stringify({
      nftables: [
        { table: { family: 'inet', name: 't', ...(flags === undefined ? {} : { flags }) } },
        { chain: { family: 'inet', table: 't', name: 'c', hook: 'input', type: 'filter', prio: 0, policy: 'drop' } },
      ],
    });
  const fate = (flags: unknown): string => evaluate(readNft(nftables(flags)), packet).kind;
  assert.deepEqual([undefined, 'owner', ['owner', 'persist'], []].map(fate), ['stops', 'stops', 'stops', 'stops']);
  // The last one is what nft 1.0.6 prints.
  assert.deepEqual(['dormant', ['dormant', 'owner'], 't'].map(fate), ['passes', 'passes', 'passes']);
});
