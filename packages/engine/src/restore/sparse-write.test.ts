import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { engineLimits } from '../index.ts';
import { dataSegments, writeSparse } from './sparse-write.ts';

describe('sparse writing', () => {
  it('leaves out whole blocks of zeros and nothing else', (t) => {
    const path = join(temporaryFolder(t), 'file');
    const block = engineLimits.holeSizeBytes;
    const piece = fc.record({ sizeBytes: fc.integer({ min: 0, max: 3 * block }), byte: fc.constantFrom(0, 0, 7) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 0, max: 2 * block }), (pieces, at) => {
        const bytes = Buffer.concat(pieces.map(({ sizeBytes, byte }) => Buffer.alloc(sizeBytes, byte)));
        const fd = fs.openSync(path, 'w+');
        fs.ftruncateSync(fd, at + bytes.length);
        writeSparse(fd, bytes, at);
        fs.closeSync(fd);
        assert.ok(fs.readFileSync(path).equals(Buffer.concat([Buffer.alloc(at), bytes])));
        const written = dataSegments(bytes, at);
        for (let from = at % block === 0 ? 0 : block - (at % block); from + block <= bytes.length; from += block)
          if (bytes.subarray(from, from + block).every((byte) => byte === 0))
            assert.ok(written.every(({ start, end }) => end <= from || start >= from + block));
      }),
      { numRuns: 60 },
    );
  });
});
