import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { sampleNode } from '../testing/sample-repository.ts';
import { goFileMode, unixPermissions } from './file-mode.ts';
import { goJsonBytes, goJsonString, quoteName, unquoteName } from './go-text.ts';
import { type Node, nodeTypes } from './node.ts';
import { objectIdOf } from './object-id.ts';
import { formatTime, isTime, parseTime, timeOfDate } from './rfc3339.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { decodeTree, encodeTree, firstOutOfOrder, isSafeName, TreeEncoder } from './tree.ts';

const anyName = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 20 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.stringMatching(/^[\\"xuU0-9a-f]{1,12}$/).map((text) => new Uint8Array(Buffer.from(text))),
);

test('any name survives quoting, and its quoted form is plain text', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const quoted = quoteName(name);
      assert.deepEqual(new Uint8Array(unquoteName(quoted)), name);
      assert.ok(quoted.isWellFormed());
      assert.doesNotMatch(quoted, /\p{Cc}/u);
    }),
    { numRuns: 2000 },
  );
});

test('names are quoted as Go does it', () => {
  // From Go: fmt.Println(strconv.Quote(…)).
  const cases: [Buffer, string][] = [
    [Buffer.from('a b'), 'a b'],
    [Buffer.from('\x07\b\f\n\r\t\v\x00\x1f\x7f'), '\\a\\b\\f\\n\\r\\t\\v\\x00\\x1f\\x7f'],
    [Buffer.from('"\\\''), '\\"\\\\\''],
    [Buffer.from([0xff, 0x61, 0xe2, 0x82]), '\\xffa\\xe2\\x82'],
    [Buffer.from('\ufffd\u00ad\u00a0\u3000'), '\ufffd\\u00ad\\u00a0\\u3000'],
    [Buffer.from('\u{1f600}\u{10ffff}'), '\u{1f600}\\U0010ffff'],
  ];
  for (const [name, quoted] of cases) assert.equal(quoteName(name), quoted);
  assert.deepEqual(unquoteName('\\101\\x41\\u00e4\\U0001f600'), Buffer.from('AAä\u{1f600}'));
});

test('what Go would not unquote is refused in words', () => {
  for (const quoted of [
    '\\',
    '\\q',
    '\\x4',
    '\\xzz',
    '\\u12',
    '\\ud800',
    '\\U00110000',
    '"',
    'a\nb',
    "\\'",
    '\\400',
    '\\+12',
  ])
    assert.throws(() => unquoteName(quoted), { code: 'repository.damaged' }, quoted);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (quoted) => {
      try {
        unquoteName(quoted);
      } catch (error) {
        assert.ok(isHoldfastError(error), String(error));
      }
    }),
  );
});

test('JSON text is escaped as Go does it', () => {
  assert.equal(
    goJsonString('<a href="x">&\u2028\u2029\b\f\n\x01\x7f'),
    '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\\b\\f\\n\\u0001\x7f"',
  );
  assert.equal(goJsonBytes(Buffer.from([0x61, 0xff, 0xe2, 0x82, 0x3c])), '"a\\ufffd\\ufffd\\ufffd\\u003c"');
  assert.equal(goJsonBytes(Buffer.from('\ufffd')), '"\ufffd"');
});

const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => objectIdOf(bytes));
const uint64 = fc.option(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { nil: undefined });
const text = fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }), { nil: undefined });
const time = fc
  .bigInt({ min: -62_167_219_200n * 10n ** 9n, max: 253_402_300_799n * 10n ** 9n })
  .map((ns) => formatTime(ns));
const anyNode: fc.Arbitrary<Node> = fc.record(
  {
    name: anyName.filter(isSafeName).map((bytes) => Buffer.from(bytes)),
    type: fc.constantFrom(...nodeTypes),
    mode: fc.nat(2 ** 32 - 1),
    mtime: time,
    atime: time,
    ctime: time,
    uid: fc.nat(2 ** 32 - 1),
    gid: fc.nat(2 ** 32 - 1),
    user: text,
    group: text,
    inode: uint64,
    deviceId: uint64,
    size: uint64,
    links: uint64,
    linkTarget: fc.option(
      fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      { nil: undefined },
    ),
    extendedAttributes: fc.option(
      fc.array(
        fc.record(
          {
            name: fc.string({ maxLength: 10 }),
            value: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
          },
          { noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      { nil: undefined },
    ),
    genericAttributes: fc.constantFrom(
      undefined,
      new Map([
        ['windows.creation_time', '"q83v"'],
        ['windows.file_attributes', '18446744073709551615'],
      ]),
    ),
    device: uint64,
    content: fc.option(fc.array(id, { maxLength: 3 }), { nil: null }),
    subtree: fc.option(id, { nil: undefined }),
    error: text,
  },
  { noNullPrototype: true },
);

const anyTree = fc
  .uniqueArray(anyNode, { selector: (node) => node.name.toString('latin1'), maxLength: 5 })
  .map((nodes) => nodes.sort((a, b) => Buffer.compare(a.name, b.name)));

test('any tree survives encoding, and encodes to the same bytes again', () => {
  fc.assert(
    fc.property(anyTree, (tree) => {
      const bytes = encodeTree(tree);
      const decoded = decodeTree(bytes);
      assert.deepEqual(decoded, tree);
      assert.deepEqual(encodeTree(decoded), bytes);
      assert.equal(firstOutOfOrder(decoded), undefined);
      assert.ok(bytes.toString().endsWith('\n') && !/[<>&]/.test(bytes.toString()));
    }),
  );
});

test('nodes must ascend by bytes, not by characters', () => {
  const [late, early] = ['\u{1f600}', '\ufffd'].map((name) => sampleNode(name, { content: [] }));
  assert.ok(late && early);
  encodeTree([early, late]);
  assert.throws(() => encodeTree([late, early]), { code: 'internal.unexpected' });
  assert.throws(() => encodeTree([early, early]), { code: 'internal.unexpected' });
  const swapped = Buffer.from(
    encodeTree([early, late])
      .toString()
      .replaceAll(/\u{1f600}|\ufffd/gu, (it) => (it === '\ufffd' ? '\u{1f600}' : '\ufffd')),
  );
  assert.deepEqual(firstOutOfOrder(decodeTree(swapped)), early.name);
});

test('a folder too wide for one string is encoded in pieces', () => {
  const encoder = new TreeEncoder();
  for (let at = 0; at < 20_000; at += 1) encoder.add(sampleNode(String(at).padStart(6, '0'), { content: [] }));
  assert.equal(decodeTree(encoder.finish()).length, 20_000);
});

test('names that lead out of their folder are refused', () => {
  for (const name of ['..', '.', '', 'a/b', '/', 'a\\x00b', '\\x2e\\x2e', '..\\x2fetc'])
    assert.throws(
      () => decodeTree(Buffer.from(JSON.stringify({ nodes: [{ name, type: 'file', content: [] }] }))),
      { code: 'repository.damaged' },
      name,
    );
  assert.ok(isSafeName(Buffer.from('...')) && isSafeName(Buffer.from('..a')));
});

test('any JSON is a tree, or is refused in words', () => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(-1, 2 ** 60, 'file', '2026-01-01T00:00:00Z', '', null),
  );
  const fields = [
    'name',
    'type',
    'mode',
    'mtime',
    'uid',
    'inode',
    'linktarget',
    'linktarget_raw',
    'extended_attributes',
    'generic_attributes',
    'content',
    'subtree',
  ];
  const node = fc
    .dictionary(fc.constantFrom(...fields), odd)
    .map((it) => ({ name: 'a', type: 'file', mtime: '2026-01-01T00:00:00Z', ...it }));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.array(node, { maxLength: 3 }).map((nodes) => JSON.stringify({ nodes })),
      ),
      (json) => {
        try {
          for (const one of decodeTree(Buffer.from(json))) assert.ok(isSafeName(one.name));
        } catch (error) {
          assert.ok(isHoldfastError(error) && error.code === 'repository.damaged', String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("modes are Go's and come back", () => {
  assert.equal(goFileMode(0o104755), 0o755 + 2 ** 23);
  assert.equal(goFileMode(0o042775), 0o775 + 2 ** 31 + 2 ** 22);
  assert.equal(goFileMode(0o041777), 0o777 + 2 ** 31 + 2 ** 20);
  assert.equal(goFileMode(0o120777), 0o777 + 2 ** 27);
  assert.equal(goFileMode(0o060660), 0o660 + 2 ** 26);
  assert.equal(goFileMode(0o020620), 0o620 + 2 ** 26 + 2 ** 21);
  assert.equal(goFileMode(0o010600), 0o600 + 2 ** 25);
  assert.equal(goFileMode(0o140600), 0o600 + 2 ** 24);
  for (let mode = 0; mode < 0o10000; mode += 1) assert.equal(unixPermissions(goFileMode(0o40000 | mode)), mode);
});

test('times keep their nanoseconds, also before 1970 and with an offset, and stay within years 0 to 9999', () => {
  assert.equal(formatTime(1_700_000_000_123_456_789n), '2023-11-14T22:13:20.123456789Z');
  assert.equal(formatTime(1_700_000_000_120_000_000n, 330), '2023-11-15T03:43:20.12+05:30');
  assert.equal(formatTime(-1n), '1969-12-31T23:59:59.999999999Z');
  assert.equal(formatTime(-(10n ** 21n)), '0000-01-01T00:00:00Z');
  assert.ok(formatTime(10n ** 22n).startsWith('9999-12-31T23:59:59'));
  assert.equal(parseTime('2023-11-15T03:43:20.12+05:30'), 1_700_000_000_120_000_000n);
  for (const wrong of [
    '',
    '2023-02-30T00:00:00Z',
    '2023-11-15T25:00:00Z',
    '2023-11-15 03:43:20Z',
    '2023-11-15T03:43:20',
    '2023-11-15T03:43:20.1234567890Z',
    '2023-11-15T03:43:20+24:00',
  ])
    assert.equal(parseTime(wrong), undefined, wrong);
  fc.assert(
    fc.property(
      fc.bigInt({ min: -62_000_000_000n * 10n ** 9n, max: 253_000_000_000n * 10n ** 9n }),
      fc.integer({ min: -720, max: 840 }),
      (ns, offset) => {
        assert.equal(parseTime(formatTime(ns, offset)), ns);
      },
    ),
  );
  assert.equal(timeOfDate(new Date(1500)), 1_500_000_000n);
});

test("a snapshot has restic's fields in restic's order, and comes back", () => {
  const tree = objectIdOf(new Uint8Array(32));
  const start = '2026-01-01T00:00:00.5Z';
  const counts = {
    filesNew: 1,
    filesChanged: 2,
    filesUnmodified: 3,
    dirsNew: 4,
    dirsChanged: 5,
    dirsUnmodified: 6,
    dataBlobs: 7,
    treeBlobs: 8,
    dataAdded: 9,
    dataAddedPacked: 10,
    totalFilesProcessed: 11,
    totalBytesProcessed: 12,
  };
  const snapshot = {
    time: start,
    parent: tree,
    tree,
    paths: ['/a&b'],
    hostname: 'h',
    username: 'u',
    uid: 1,
    gid: 2,
    excludes: ['*.o'],
    tags: ['t'],
    original: tree,
    programVersion: 'holdfast 0.1.0',
    summary: { backupStart: start, backupEnd: start, ...counts },
  };
  const json = encodeSnapshot(snapshot);
  assert.deepEqual(decodeSnapshot(json, 'it'), snapshot);
  assert.equal(
    json.toString(),
    `{"time":"${start}","parent":"${tree}","tree":"${tree}","paths":["/a\\u0026b"],"hostname":"h","username":"u","uid":1,"gid":2,"excludes":["*.o"],"tags":["t"],"original":"${tree}","program_version":"holdfast 0.1.0","summary":{"backup_start":"${start}","backup_end":"${start}","files_new":1,"files_changed":2,"files_unmodified":3,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":9,"data_added_packed":10,"total_files_processed":11,"total_bytes_processed":12}}`,
  );
  assert.equal(
    encodeSnapshot({ time: start, tree, paths: [], uid: 0, tags: [] }).toString(),
    `{"time":"${start}","tree":"${tree}","paths":[]}`,
  );
  for (const wrong of [
    '{}',
    '[]',
    'x',
    `{"time":"${start}","tree":"${tree}","paths":[1]}`,
    `{"time":"","tree":"${tree}","paths":[]}`,
  ])
    assert.throws(() => decodeSnapshot(Buffer.from(wrong), 'Snapshot 12'), {
      code: 'repository.damaged',
      message: /Snapshot 12/,
    });
});

test('long numbers in lists stay exact, and what is nested too deeply is refused', () => {
  const tree = (attributes: string): Buffer =>
    Buffer.from(`{"nodes":[{"name":"a","type":"file","generic_attributes":${attributes}}]}`);
  const [node] = decodeTree(tree('{"x":{"a":[1, 18446744073709551615,9007199254740993]}}'));
  assert.equal(node?.genericAttributes?.get('x'), '{"a":[1,18446744073709551615,9007199254740993]}');
  for (const number of ['1', '18446744073709551615'])
    assert.throws(() => decodeTree(tree(`{"x":${'['.repeat(100_000)}${number}${']'.repeat(100_000)}}`)), {
      code: 'repository.damaged',
    });
});

test('what is a time is told without reading it, and the same way', () => {
  const two = fc.integer({ min: 0, max: 99 }).map((value) => String(value).padStart(2, '0'));
  const zone = fc.oneof(
    fc.constant('Z'),
    fc.tuple(fc.constantFrom('+', '-'), two, two).map(([s, h, m]) => `${s}${h}:${m}`),
  );
  const fraction = fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{0,11}$/));
  const time = fc
    .tuple(two, two, fc.constantFrom('00', '01', '02', '04', '12', '13'), two, two, two, two, fraction, zone)
    .map(([a, b, month, day, h, m, s, f, z]) => `${a}${b}-${month}-${day}T${h}:${m}:${s}${f}${z}`);
  const real = fc
    .tuple(fc.bigInt({ min: -62n, max: 253n }), fc.integer({ min: -1439, max: 1439 }))
    .map(([s, o]) => formatTime(s * 10n ** 18n, o));
  fc.assert(
    fc.property(fc.oneof(time, real, fc.string()), (text) =>
      assert.equal(isTime(text), parseTime(text) !== undefined, text),
    ),
    { numRuns: 2000 },
  );
  for (const day of ['2024-02-29', '2023-02-29', '1900-02-29', '2000-02-29', '0000-02-29', '2024-04-31'])
    assert.equal(isTime(`${day}T00:00:00Z`), parseTime(`${day}T00:00:00Z`) !== undefined, day);
});
