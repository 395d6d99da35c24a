import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { BlobCipher } from '../format/blob-cipher.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { type LockContext, RepositoryLock } from './repository-lock.ts';

/** What is read before the second look, when somebody else comes in the moment between the first one and the lock. */

const pack = 'data:aa';

/** Two computers on one storage, whose lists are never late. */
class Meeting {
  readonly objects = new Map<string, Uint8Array>();
  readonly clock = new ManualClock();
  readonly #cipher = new BlobCipher(newRepositoryKey());

  join(): LockContext & { readonly target: MemoryTarget } {
    const { objects, clock } = this;
    const target = new MemoryTarget();
    const capabilities = { ...target.capabilities, consistentLists: true };
    return { target: Object.assign(target, { objects, capabilities }), cipher: this.#cipher, clock };
  }

  /** Lets everything happen that waits for nothing but other promises, then after so long again. */
  async pass(durationMs: number): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (durationMs === 0) return;
    this.clock.advance(durationMs);
    await this.pass(0);
  }
}

test('what a backup reads before its second look is not deleted by a prune that it did not see', async () => {
  const meeting = new Meeting();
  meeting.objects.set(pack, Buffer.from('blobs'));
  const [backup, prune] = [meeting.join(), meeting.join()];
  const [hasRead, secondLook] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let refused: Promise<void> | undefined;

  const create = backup.target.create.bind(backup.target);
  backup.target.create = async (...args) => {
    const pruning = RepositoryLock.acquire(prune, { exclusive: true }).then(async (lock) => {
      meeting.objects.delete(pack);
      await lock[Symbol.asyncDispose]();
    });
    refused = assert.rejects(pruning, { code: 'repository.locked' });
    await meeting.pass(50);
    return create(...args);
  };
  const list = backup.target.list.bind(backup.target);
  let looks = 0;
  backup.target.list = async function* (...args) {
    looks += 1;
    if (looks > 1) await secondLook.promise;
    yield* list(...args);
  };

  const saved = RepositoryLock.under(backup, { exclusive: false }, async (lock) => {
    assert.equal(looks, 2);
    const known = meeting.objects.has(pack);
    hasRead.resolve();
    await lock.confirm();
    return known;
  });
  await hasRead.promise;
  await meeting.pass(200);
  secondLook.resolve();
  assert.equal(await saved, true);
  assert.ok(meeting.objects.has(pack), 'the snapshot refers to it');
  assert.ok(refused !== undefined);
  await refused;
  assert.deepEqual([...meeting.objects.keys()], [pack]);
});

test('who works alone reads what somebody saved and left while it waited', async () => {
  const meeting = new Meeting();
  const [backup, rewrite] = [meeting.join(), meeting.join()];
  const create = rewrite.target.create.bind(rewrite.target);
  let other: RepositoryLock | undefined;
  rewrite.target.create = async (...args) => {
    other = await RepositoryLock.acquire(backup, { exclusive: false });
    return create(...args);
  };
  const found = RepositoryLock.under(rewrite, { exclusive: true }, async () => meeting.objects.has(pack));
  await meeting.pass(0);
  assert.ok(other !== undefined);
  await other.confirm();
  meeting.objects.set(pack, Buffer.from('blobs'));
  await other[Symbol.asyncDispose]();
  await meeting.pass(200);
  assert.equal(await found, true);
  assert.deepEqual([...meeting.objects.keys()], [pack]);
});
