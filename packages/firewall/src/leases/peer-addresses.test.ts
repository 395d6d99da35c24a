import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { addressesOf } from './peer-addresses.ts';

test('addresses of every writing, in the one that rules have', async () => {
  for (const [given, wanted] of [
    ['10.20.0.3', '10.20.0.3'],
    ['::ffff:10.20.0.3', '10.20.0.3'],
    ['::FFFF:a14:3', '10.20.0.3'],
    ['0:0:0:0:0:ffff:10.20.0.3', '10.20.0.3'],
    ['2001:DB8:20:0:0::3', '2001:db8:20::3'],
    ['fe80::1%eth0', 'fe80::1'],
  ] as const)
    assert.deepEqual(await addressesOf(given), [wanted], given);
});

test('names: what cannot be resolved, and who does not wait for it', async () => {
  const unresolved = (error: unknown): boolean => hasCode(error, 'channel.name');
  for (const name of ['no such name', '10.20.0.3; flush ruleset', '', '10.20.0.3/24', '010.20.0.3.'])
    await assert.rejects(addressesOf(name), unresolved, name);
  await assert.rejects(addressesOf('x.invalid', AbortSignal.abort(new Error('given up'))), /given up/);
});
