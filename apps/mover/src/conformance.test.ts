import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Clock, systemClock } from '@holdfast/core';
import { openLocalDisk, openRest, renewingToken, type Target } from '@holdfast/storage';
import { runConformance } from '@holdfast/storage/testing';
import type { HttpClient } from '@holdfast/wire';
import { type MoverFixture, startFixture } from './testing/mover-fixture.ts';

/** One suite for every carrier of data: whoever dials, the promises of a target are the same. */

describe('a repository behind a mover', () => {
  let fixture: MoverFixture;
  // What a case has let pass. The time that the storage tells is the one of HTTP, without that.
  let passedMs = 0;
  const clock: Clock = {
    now: () => new Date(Date.now() + passedMs),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (durationMs, signal) => systemClock.sleep(durationMs, signal),
  };
  const advanceTime = (durationMs: number): void => {
    passedMs += durationMs;
  };
  const ends: (() => void | Promise<void>)[] = [];
  let repositories = 0;
  before(async () => {
    // In memory where there is such a place: the disk has been through this suite in the storage package.
    const storageRoot = existsSync('/dev/shm') ? mkdtempSync('/dev/shm/holdfast-test-') : undefined;
    if (storageRoot) ends.push(() => rmSync(storageRoot, { recursive: true }));
    fixture = await startFixture(
      { after: (end) => void ends.push(end) },
      storageRoot === undefined ? { clock } : { clock, storageRoot },
    );
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  async function open(clientFor: (session: { sessionId: string; grant: string }) => HttpClient): Promise<Target> {
    passedMs = 0;
    repositories += 1;
    const repository = `repository-${repositories}`;
    await fixture.place(repository);
    const session = await fixture.openSession({ mode: 'maintain', repository });
    return openRest({
      client: clientFor(session),
      basePath: `/local/${repository}/`,
      location: `rest:https://127.0.0.1/local/${repository}/`,
      credentials: renewingToken({
        obtain: () => Promise.reject(new Error('not needed')),
        first: { token: session.grant, expiresAt: new Date(Date.now() + 3_600_000) },
      }),
      maxParallelRequests: 4,
    });
  }

  runConformance('the mover on 6162', async () => ({
    target: await open(() => fixture.client(fixture.agent)),
    advanceTime,
  }));
  runConformance('the mover over leased data channels', async () => ({
    target: await open((session) => fixture.dataClient('agent-dials', session)),
    advanceTime,
  }));
  runConformance('the mover over data channels that it dials', async () => ({
    target: await open((session) => fixture.dataClient('mover-dials', session)),
    advanceTime,
  }));

  test('it says whether lists may be late, before there is a config and after', async () => {
    await using target = await open(() => fixture.client(fixture.agent));
    const path = join(fixture.storageRoot, 'local', `repository-${repositories}`);
    await using disk = await openLocalDisk({ path });
    const expected = disk.capabilities.consistentLists;
    assert.equal(target.capabilities.consistentLists, expected);
    await target.create({ type: 'config', id: '' }, [Buffer.from('config')]);
    repositories -= 1;
    await using again = await open(() => fixture.client(fixture.agent));
    assert.equal(again.capabilities.consistentLists, expected);
  });

  test('the contract counts each carrier as its own channel', () => {
    const used = fixture.mover.wire.use();
    const bytesOf = (id: string): number => used.find(({ channel }) => channel === id)?.bytesIn ?? 0;
    for (const id of ['agent-to-mover-transport', 'agent-local-data', 'server-to-agent-data', 'server-to-mover'])
      assert.ok(bytesOf(id) > 0, `nothing came along ${id}`);
  });
});
