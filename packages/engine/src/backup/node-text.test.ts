import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileStatus } from '@holdfast/native';
import fc from 'fast-check';
import { describeFile } from './describe-file.ts';
import { NodeText, type SeenEntry } from './node-text.ts';

const second = 1_000_000_000n;

/** What a probe would have seen. */
function seen(stat: FileStatus): SeenEntry {
  const nanos = (timeNs: bigint): bigint => ((timeNs % second) + second) % second;
  const seconds = (timeNs: bigint): number => Number((timeNs - nanos(timeNs)) / second);
  return {
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    ino: Number(stat.ino),
    size: Number(stat.size),
    device: stat.dev,
    mtimeSeconds: seconds(stat.mtimeNs),
    mtimeNanos: Number(nanos(stat.mtimeNs)),
    ctimeSeconds: seconds(stat.ctimeNs),
    ctimeNanos: Number(nanos(stat.ctimeNs)),
  };
}

const number = (most: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt(0n, most), fc.bigInt(0n, 20n), fc.constantFrom(9n, 10n, 99n, 100n, most));
const id = fc.oneof(fc.constantFrom(0n, 1000n), number(2n ** 32n - 1n));
const name = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
  fc.stringMatching(/^[ -~]{1,80}$/).map((text) => Buffer.from(text)),
);
const status = fc.record({
  mode: fc
    .tuple(fc.constantFrom(0o100000n, 0o040000n), fc.bigInt(0n, 0o7777n))
    .map(([type, permissions]) => type + permissions),
  nlink: number(2n ** 32n - 1n),
  uid: id,
  gid: id,
  ino: number(BigInt(Number.MAX_SAFE_INTEGER)),
  size: number(BigInt(Number.MAX_SAFE_INTEGER)),
  dev: number(2n ** 64n - 1n),
  rdev: fc.constant(0n),
  mtimeNs: fc.bigInt(-5_000_000_000n * second, 300_000_000_000n * second),
  ctimeNs: fc.oneof(fc.bigInt(0n, 4_000_000_000n * second), fc.constant(1_700_000_000n * second)),
});

describe('text of a node', () => {
  it('is the same made fast and made by way of a node', () => {
    const [fast, slow] = [new NodeText(), new NodeText()];
    fc.assert(
      fc.property(name, status, (bytes, stat) => {
        const path = Buffer.from('/');
        slow.setNode(
          describeFile(
            { name: bytes, path, accessPath: path, stat, withAtime: false, mayHaveXattrs: false },
            (problem) => {
              throw problem;
            },
          ),
        );
        fast.setPlain(bytes.toString('latin1'), seen(stat));
        assert.equal(fast.toString(), slow.toString());
        assert.equal(fast.name, slow.name);
        assert.equal(fast.length, slow.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('says where it stands in another text, and where not', () => {
    const text = new NodeText();
    const stat = { mode: 0o100644n, nlink: 2n, uid: 1n, gid: 2n, ino: 3n, size: 4n, dev: 5n, rdev: 0n };
    text.setPlain('name', seen({ ...stat, mtimeNs: 1_700_000_000_123_456_789n, ctimeNs: 1_700_000_000n * second }));
    const around = Buffer.from(`[${text.toString()}[]}`);
    assert.equal(text.isAt(around, 1), true);
    for (const place of [0, 2, around.length - 1, around.length + 5]) assert.equal(text.isAt(around, place), false);
    for (let at = 1; at <= text.length; at += 1) {
      const other = Buffer.from(around);
      other[at] = (other[at] ?? 0) ^ 1;
      assert.equal(text.isAt(other, 1), false, `byte ${at}`);
    }
    assert.equal(text.isAt(around.subarray(0, text.length), 1), false);
  });
});
