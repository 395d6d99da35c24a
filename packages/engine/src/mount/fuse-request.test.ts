import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRequest } from './fuse-request.ts';
import { encodeRequest, operations, words } from './testing/fake-kernel.ts';

const seed = 20_261_121;

test('any bytes are a request, a malformed one or none, and never an error', () => {
  const body = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      body,
      (operation, nodeId, rest) => {
        const parsed = parseRequest(encodeRequest({ operation, unique: 7n, nodeId, body: rest }));
        assert.ok(parsed);
        assert.equal(parsed.unique, 7n);
        assert.ok(Number.isSafeInteger(parsed.nodeId));
        if (parsed.kind === 'lookup') assert.ok(!parsed.name.includes(0) && parsed.name.length > 0);
        if (parsed.kind === 'forget') assert.ok(parsed.forgets.length <= rest.length);
        if (parsed.kind === 'read' || parsed.kind === 'read folder') assert.ok(Number.isSafeInteger(parsed.offset));
      },
    ),
    { seed, numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      const parsed = parseRequest(Buffer.from(bytes));
      // The length in its head is that of the message, else there is no message.
      if (parsed !== undefined) assert.equal(Buffer.from(bytes).readUInt32LE(0), bytes.length);
    }),
    { seed, numRuns: 1000 },
  );
});

test('requests that are cut off are malformed at every length', () => {
  const whole: [number, Buffer][] = [
    [operations.lookup, Buffer.from('name\0')],
    [operations.read, Buffer.alloc(40)],
    [operations.init, Buffer.alloc(16)],
    [operations.batchForget, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), words(1, 1, 2, 1)])],
    [operations.getxattr, Buffer.concat([Buffer.alloc(8), Buffer.from('user.x\0')])],
  ];
  for (const [operation, body] of whole) {
    const kindAt = (length: number): string | undefined =>
      parseRequest(encodeRequest({ operation, unique: 1n, nodeId: 1, body: body.subarray(0, length) }))?.kind;
    assert.notEqual(kindAt(body.length), 'malformed', `operation ${operation}`);
    for (let length = 0; length < body.length; length += 1)
      assert.equal(kindAt(length), 'malformed', `operation ${operation}`);
  }
});

test('a count of forgets that is not there takes no memory', () => {
  const body = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
  assert.equal(
    parseRequest(encodeRequest({ operation: operations.batchForget, unique: 1n, nodeId: 0, body }))?.kind,
    'malformed',
  );
});
