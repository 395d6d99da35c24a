import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useAnswer } from './mover-api.ts';

test('what a computer says of its channels steers no terminal, and is bounded', () => {
  const use = { channel: 's3-api', ports: [443], connectionsIn: 0, connectionsOut: 1, bytesIn: 1, bytesOut: 1 };
  const takes = (...channels: readonly object[]): boolean => useAnswer.safeParse({ channels }).success;
  assert.ok(takes(use));
  assert.ok(!takes({ ...use, channel: 's3-api\u001b[2J' }));
  assert.ok(!takes({ ...use, ports: Array.from({ length: 1_025 }, (_, n) => n + 1) }));
  assert.ok(!takes(...Array.from({ length: 1_001 }, () => use)));
});
