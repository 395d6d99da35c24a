import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node } from './node.ts';
import { parseObjectId } from './object-id.ts';
import { decodeTree, encodeTree } from './tree.ts';
import { TreeSlices } from './tree-slices.ts';

const node = (name: Buffer, user: string): Node => ({
  name,
  type: 'file',
  mode: 0o644,
  mtime: '2026-01-01T00:00:00Z',
  atime: '2026-01-01T00:00:00Z',
  ctime: '2026-01-01T00:00:00Z',
  uid: 0,
  gid: 0,
  user,
  extendedAttributes: [{ name: 'user.[{"\\', value: Buffer.from(']},') }],
  genericAttributes: new Map([['a', '{"b":[1,{"c":"]}"}]}']]),
  content: [parseObjectId('ab'.repeat(32), 'A blob'), parseObjectId('cd'.repeat(32), 'A blob')],
});

test('every slice of a folder is what the whole folder has there', () => {
  const names = fc.uniqueArray(
    fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    { selector: (name) => name.toString('hex'), maxLength: 12 },
  );
  fc.assert(
    fc.property(names, fc.string(), fc.nat(13), fc.nat(13), (given, user, from, to) => {
      const safe = given.filter((name) => !name.includes(0x2f) && !name.includes(0) && name[0] !== 0x2e);
      const plain = encodeTree(safe.sort(Buffer.compare).map((name) => node(name, user)));
      const slices = new TreeSlices(plain);
      assert.equal(slices.count, safe.length);
      assert.deepEqual(slices.nodes(from, to), decodeTree(plain).slice(from, to));
    }),
  );
});

test('a tree in another form is read as a whole, and one that is none is refused', () => {
  const [one, other] = [node(Buffer.from('a'), ''), node(Buffer.from('b'), '')];
  const spaced = Buffer.from(JSON.stringify(JSON.parse(encodeTree([one, other]).toString()), undefined, 1));
  const slices = new TreeSlices(spaced);
  assert.equal(slices.count, 2);
  assert.deepEqual(slices.nodes(1, 5), decodeTree(spaced).slice(1));
  assert.equal(new TreeSlices(Buffer.from('{"nodes":null}')).count, 0);
  for (const wrong of ['', '{"nodes":[', '{"nodes":[{"name":"a"', '[]'])
    assert.throws(() => new TreeSlices(Buffer.from(wrong)), { code: 'repository.damaged' });
  assert.throws(() => new TreeSlices(Buffer.from('{"nodes":[{"name":"../x"}]}')).nodes(0, 1), {
    code: 'repository.damaged',
  });
});
