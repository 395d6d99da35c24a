import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discardMemory } from './freed-memory.ts';

test('discarded bytes read as zeros or as they were, those around them as they were, and all can be written again', () => {
  const all = new Uint8Array(new SharedArrayBuffer(2 * 1024 * 1024)).fill(7);
  const discarded = all.subarray(1000, all.byteLength - 1000);
  discardMemory(discarded);
  assert.ok(all.subarray(0, 1000).every((byte) => byte === 7));
  assert.ok(all.subarray(all.byteLength - 1000).every((byte) => byte === 7));
  assert.ok(discarded.every((byte) => byte === 0 || byte === 7));
  // Small pieces have no whole page.
  all.fill(5);
  discardMemory(all.subarray(3, 4000));
  discardMemory(all.subarray(0, 0));
  assert.ok(all.every((byte) => byte === 5));
  if (process.platform !== 'linux') return;
  const before = process.memoryUsage.rss();
  const large = new Uint8Array(new SharedArrayBuffer(64 * 1024 * 1024)).fill(1);
  assert.ok(process.memoryUsage.rss() - before > 48 * 1024 * 1024);
  discardMemory(large);
  assert.ok(process.memoryUsage.rss() - before < 16 * 1024 * 1024);
});
