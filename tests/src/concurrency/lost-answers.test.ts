import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { ChangingSource, describeTree, Random } from '../crash/changing-source.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { manyWritersNeed } from './many-writers.ts';
import { SharedRepository } from './shared-repository.ts';

/** An upload whose object is stored and whose reply is cut ends well: for our client, and for an unmodified restic. */

const KiB = 1024;
/** Nothing but packs of these sources sends so much before an answer. */
const packBytes = 200 * KiB;
/** Any answer may be lost, of the lock, the index, the snapshot as well: every so many of them. */
const everyAnswer = 7;

test('lost answers to uploads end well', { skip: manyWritersNeed, timeout: 400_000 }, async (t) => {
  await using shared = await SharedRepository.start(temporaryFolder(t));
  const moverPort = await shared.moverPort();
  const random = new Random(3);

  const backUp = async (program: 'holdfast' | 'restic', name: string, proxy: CuttingProxy): Promise<void> => {
    const source = new ChangingSource(join(shared.folder, name), { random, largeBytes: 400 * KiB });
    const through = await shared.access('append', name, proxy.port);
    const direct = await shared.access('read', 'reader');
    const output = await shared.ended(shared[program](['backup', '--json', source.path], through));
    assert.ok(proxy.cuts > 0, 'no answer was cut');
    const last = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Record<string, string>;
    const target = join(shared.folder, 'restored');
    const id = last['snapshotId'] ?? last['snapshot_id'] ?? '';
    await shared.ended(shared.restic(['restore', id, '--target', target, '--quiet'], direct));
    assert.deepEqual(describeTree(join(target, source.path)), describeTree(source.path));
    rmSync(target, { recursive: true });
    await shared.ended(shared.restic(['check', '--read-data', '--quiet'], direct));
    // Nobody but the reader's own check is in the way of who needs to be alone.
    assert.equal((await shared.ended(shared.restic(['list', 'locks', '--no-lock', '--quiet'], direct))).trim(), '');
    t.diagnostic(`${program}, ${name}: ${proxy.cuts} answers were cut`);
  };

  for (const program of ['holdfast', 'restic'] as const) {
    await t.test(`${program}: the pack is stored, and the answer is cut, twice`, async () => {
      const storedBefore = shared.storedPacks();
      let cuts = 0;
      const isCut = (sentBytes: number): boolean => {
        if (sentBytes < packBytes || cuts === 2) return false;
        assert.ok(shared.storedPacks() > storedBefore, 'the answer comes after the pack is stored');
        cuts += 1;
        return true;
      };
      await using proxy = await CuttingProxy.start({ port: moverPort, isCut });
      await backUp(program, `${program}-packs`, proxy);
      assert.equal(proxy.cuts, 2);
    });

    await t.test(`${program}: every ${everyAnswer}th answer, whatever was asked for`, async () => {
      let answers = 0;
      const isCut = (): boolean => {
        answers += 1;
        return answers % everyAnswer === 0;
      };
      await using proxy = await CuttingProxy.start({ port: moverPort, isCut });
      await backUp(program, `${program}-any`, proxy);
    });
  }
});
