import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { ConfigurationCopies } from './configuration-copies.ts';

const installation = '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11';
const nameAt = (time: string): string => `${time}-0123456789abcdef.holdfast-configuration`;

test('as many copies are kept as are wanted, with the one that has just come, whatever the clocks said', async (t) => {
  const root = temporaryFolder(t);
  const copies = new ConfigurationCopies(root);
  const send = async (name: string, keep: number): Promise<void> => {
    const content = Buffer.from(name);
    await copies.write({ installation, name, offset: 0, data: content.toString('base64') });
    await copies.keep({ installation, name, keep, sha256: createHash('sha256').update(content).digest('hex') });
  };
  const kept = (): string[] => readdirSync(join(root, '_configuration', installation)).sort();
  const [ahead, first, second] = ['20990101T000000000Z', '20260101T000000000Z', '20260102T000000000Z'].map(nameAt);
  assert.ok(ahead && first && second);
  await send(ahead, 2);
  await send(first, 2);
  await send(second, 2);
  assert.deepEqual(kept(), [second, ahead]);
  await send(first, 1);
  assert.deepEqual(kept(), [first]);
});
