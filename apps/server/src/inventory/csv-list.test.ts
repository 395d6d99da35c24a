import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { readCsvList } from './csv-list.ts';
import { readExclusions } from './exclusions.ts';
import { isOlderVersion } from './versions.ts';

test('a list of names, with and without a header, quotes, a byte order mark and either line end', () => {
  const web = { name: 'web1', address: '10.0.0.1', platform: 'linux', comment: 'rack 3, "left"' };
  const row = 'WEB1,10.0.0.1,Linux,"rack 3, ""left"""';
  assert.deepEqual(readCsvList(row), [web]);
  assert.deepEqual(readCsvList(`\uFEFFName,Address,Platform,Comment\r\n${row}\r\n\r\n`), [web]);
  assert.deepEqual(readCsvList('site,comment,name\nA,x,db1\nB,,db2\n'), [
    { name: 'db1', comment: 'x' },
    { name: 'db2' },
  ]);
  assert.deepEqual(readCsvList('10.0.0.7\nfe80::1'), [
    { name: '10.0.0.7', address: '10.0.0.7' },
    { name: 'fe80::1', address: 'fe80::1' },
  ]);
  assert.deepEqual(readCsvList('address,platform\n10.0.0.7,windows'), [
    { name: '10.0.0.7', address: '10.0.0.7', platform: 'win32' },
  ]);
  // The last line of a name counts, and case does not.
  assert.deepEqual(readCsvList('a,1.1.1.1\nA,2.2.2.2'), [{ name: 'a', address: '2.2.2.2' }]);
  assert.deepEqual(readCsvList(''), []);
  assert.deepEqual(readCsvList('name,comment\n'), []);
});

test('mistakes are told by line, ten of them, and nothing is taken', () => {
  const wrong = (content: string, expected: RegExp): void =>
    assert.throws(() => readCsvList(content), { code: 'request.invalid', message: expected });
  wrong('web1\nweb two\nweb3,,amiga\nweb4,1.1.1.1,linux,x,y', /line 2: name.*line 3: platform.*line 4: 5 columns/s);
  wrong('a\n"b\nc', /line \d/);
  wrong('a\nb"c"\n', /line 2/);
  wrong('name,comment\n,only a comment', /line 2: name/);
  wrong(Array.from({ length: 13 }, () => 'a b').join('\n'), /line 10: .*and 3 more/s);
  wrong(Array.from({ length: 10_001 }, (_, n) => `h${n}`).join('\n'), /more than 10000/);
  wrong('x'.repeat(4 * 1024 * 1024 + 1), /larger/);
});

test('what is written as RFC 4180 says is read as it was', () => {
  const computer = fc.record(
    {
      name: fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/).filter((name) => !['name', 'address'].includes(name)),
      address: fc.ipV4(),
      platform: fc.constantFrom('linux', 'win32'),
      comment: fc.string({ minLength: 1, maxLength: 40 }).map((text) => text.trim()),
    },
    { requiredKeys: ['name'] },
  );
  const cell = (text = ''): string => (/^[\w.]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`);
  fc.assert(
    fc.property(fc.uniqueArray(computer, { selector: ({ name }) => name }), fc.boolean(), (computers, hasHeader) => {
      const lines = computers.map((one) => [one.name, one.address, one.platform, one.comment].map(cell).join(','));
      const content = [...(hasHeader ? ['name,address,platform,comment'] : []), ...lines].join('\r\n');
      const expected = computers.map(({ comment, ...one }) => ({ ...one, ...(comment ? { comment } : {}) }));
      assert.deepEqual(readCsvList(content), expected);
    }),
    { seed: 4180 },
  );
});

test('whatever a file holds, it is read or refused with a reason', () => {
  const piece = fc.constantFrom('name', 'address', ',', '"', '\r', '\n', '\r\n', '\uFEFF', '\0', 'a', '10.0.0.1', ' ');
  const content = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(content, (text) => {
      try {
        for (const { name } of readCsvList(text)) assert.match(name, /^[\w.:-]{1,253}$/);
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === 'request.invalid', String(error));
      }
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('exclusions by name pattern, address and range', () => {
  const isExcluded = readExclusions(['Test-*', 'db?', '10.1.0.0/16', '192.0.2.7', 'fd00::/8']);
  for (const name of ['test-1', 'TEST-', 'db1', '10.1.255.3', '192.0.2.7', 'fd12::1'])
    assert.equal(isExcluded({ name }), true, name);
  for (const name of ['atest-1', 'db', 'db12', '10.2.0.1', '192.0.2.8', 'fe80::1'])
    assert.equal(isExcluded({ name }), false, name);
  assert.equal(isExcluded({ name: 'web1', address: '10.1.0.1' }), true);
  for (const range of ['10.0.0.0/33', '10.0.0.0/', 'web/24', '10.0.0.0/8/8', '::/129'])
    assert.throws(() => readExclusions([range]), { code: 'request.invalid' }, range);
  // A pattern as the shell has it, against a slow and obvious one.
  const letter = fc.constantFrom('a', 'b', '*', '?');
  fc.assert(
    fc.property(
      fc.string({ unit: letter, minLength: 1 }),
      fc.string({ unit: fc.constantFrom('a', 'b') }),
      (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*').replaceAll('?', '.')}$`);
        assert.equal(readExclusions([pattern])({ name: text }), expression.test(text));
      },
    ),
    { seed: 2 },
  );
});

test('older versions', () => {
  for (const [version, than, isOlder] of [
    ['0.1.0', '0.2.0', true],
    ['0.9.0', '0.10.0', true],
    ['1.0.0-rc.1', '1.0.0', true],
    ['1.0.0', '1.0.0-rc.1', false],
    ['1.0.0', '1.0.0+build', false],
    ['2.0.0', '1.9.9', false],
    ['unknown', '1.0.0', false],
  ] as const)
    assert.equal(isOlderVersion(version, than), isOlder, `${version} ${than}`);
});
