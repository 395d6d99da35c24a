import assert from 'node:assert/strict';
import { createCipheriv, createHash, createMac, randomBytes, randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { sealedBytes, sealedBytesByNode, sha256OneByOne, sha256Together } from './index.ts';
import { laneKernels } from './sha256-kernel.ts';
import { sha256InLanes } from './sha256-streams.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

describe('SHA-256 of streams and whole messages together', () => {
  for (const [name, together] of [
    ['the chosen way', sha256Together()],
    ['one by one', sha256OneByOne()],
    ...laneKernels().map((kernel) => [`${kernel.lanes} lanes`, sha256InLanes(kernel)] as const),
  ] as const) {
    it(`gives the same as Node's hash: ${name}`, () => {
      for (let round = 0; round < 12; round += 1) {
        const memory = Buffer.from(new SharedArrayBuffer(randomInt(1, 300_000)));
        memory.set(randomBytes(memory.length));
        const cuts = [0, memory.length, ...Array.from({ length: randomInt(30) }, () => randomInt(memory.length))];
        cuts.sort((a, b) => a - b);
        const streams = Array.from({ length: randomInt(6) }, () => together.begin());
        for (let at = 1; at < cuts.length; at += 1) {
          const bytes = memory.subarray(cuts[at - 1], cuts[at]);
          const whole = Array.from({ length: randomInt(24) }, () => memory.subarray(randomInt(memory.length)));
          const digests = together.add(
            streams.map((stream) => ({ stream, bytes })),
            whole,
          );
          assert.deepEqual(digests, Buffer.concat(whole.map(sha256)));
        }
        for (const stream of streams) assert.deepEqual(stream.digest(), sha256(memory));
      }
    });
  }

  for (const kernel of laneKernels())
    it(`is right when garbage is collected in the middle: ${kernel.lanes} lanes`, () => {
      v8.setFlagsFromString('--expose-gc');
      const collect = vm.runInNewContext('gc') as () => void;
      let isCollecting = false;
      const later: Buffer[] = [];
      const together = sha256InLanes({
        lanes: kernel.lanes,
        one: (job) => kernel.one(job),
        run: (jobs) => {
          if (isCollecting) {
            collect();
            // What was freed is written to.
            for (let number = 0; number < 64; number += 1) later[number] = Buffer.alloc(64 * 128, 0xff);
          }
          kernel.run(jobs);
        },
      });
      const whole = Array.from({ length: 64 }, (_, number) => randomBytes(1 + number * 3));
      const expected = Buffer.concat(whole.map(sha256));
      // Only optimised code lets go of what it does not use any more.
      for (let round = 0; round < 5000; round += 1) together.add([], whole);
      isCollecting = true;
      for (let round = 0; round < 5; round += 1) assert.deepEqual(together.add([], whole), expected);
    });

  it('hashes the borders of blocks and padding', () => {
    const together = sha256Together();
    const whole = Array.from({ length: 260 }, (_, size) => randomBytes(size));
    assert.deepEqual(together.add([], whole), Buffer.concat(whole.map(sha256)));
    assert.deepEqual(together.begin().digest(), sha256(Buffer.alloc(0)));
  });
});

describe('sealed bytes', () => {
  const key = randomBytes(32);
  for (const [name, way] of [
    ['the chosen way', sealedBytes(key)],
    ['through Node', sealedBytesByNode(key)],
  ] as const) {
    it(`are authenticated and decrypted as by Node's own API: ${name}`, () => {
      for (const size of [0, 1, 15, 16, 17, 1000, 70_000]) {
        const plain = randomBytes(size);
        const nonce = randomBytes(16);
        const oneTimeKey = randomBytes(32);
        const sealed = createCipheriv('aes-256-ctr', key, nonce).update(plain);
        const mac = createMac('poly1305', oneTimeKey).update(sealed).final();
        assert.equal(way.authentic(sealed, { oneTimeKey, mac }), true);
        assert.deepEqual(Buffer.from(way.mac(sealed, oneTimeKey)), mac);
        const to = Buffer.alloc(size + 3, 0x55);
        way.decrypt(sealed, { nonce, to });
        assert.deepEqual(to, Buffer.concat([plain, Buffer.alloc(3, 0x55)]));
        const inPieces = Buffer.alloc(size);
        const end = (): boolean => {
          way.begin({ nonce, oneTimeKey });
          const cut = randomInt(size + 1);
          way.next(sealed.subarray(0, cut), inPieces);
          way.next(sealed.subarray(cut), inPieces.subarray(cut));
          return way.end(mac);
        };
        assert.equal(end(), true);
        assert.deepEqual(inPieces, plain);
        for (const wrong of [mac, oneTimeKey, sealed]) {
          if (wrong.byteLength === 0) continue;
          const at = randomInt(wrong.byteLength);
          // Some bits of r are masked (RFC 8439, 2.5.1); the second half of the key is the pad, where all count.
          const flipped = wrong === oneTimeKey ? 16 + (at % 16) : at;
          wrong[flipped] = (wrong[flipped] ?? 0) ^ 1;
          assert.equal(way.authentic(sealed, { oneTimeKey, mac }), false);
          assert.equal(end(), false);
          wrong[flipped] = (wrong[flipped] ?? 0) ^ 1;
        }
      }
      assert.throws(() => way.decrypt(Buffer.alloc(9), { nonce: randomBytes(16), to: Buffer.alloc(8) }), RangeError);
    });
  }
});
