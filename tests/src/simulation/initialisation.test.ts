import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHoldfastError } from '@holdfast/core';
import { initRepository, openRepository } from '@holdfast/repository';
import { noFaults, SeededRandom, SimulatedStorage } from '@holdfast/storage/testing';
import { makeTemplate, simulatedPassword } from './sequence.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { World } from './world.ts';

/** Rule 8: of several computers that make one repository at once, and die over it, one makes it, and all can open it. */

const worlds = 40;
const mostTurns = 14;
const keyOptions = { cost: { N: 1024, r: 8, p: 1 } };

test('a repository that several make at once, dying at any moment, is made once and can be opened', async () => {
  const { repository } = await makeTemplate();
  for (let seed = 1; seed <= worlds; seed += 1) {
    const random = new SeededRandom(seed);
    const configs = new Set<string>();
    const storage: SimulatedStorage = new SimulatedStorage({
      clock: { now: () => new Date(), monotonicMs: () => 0, sleep: async () => undefined },
    });
    const world = new World({
      random,
      start: new Date('2026-01-05T00:00:00Z'),
      onSettled: () => {
        const config = storage.visible.get('config/');
        if (config !== undefined) configs.add(Buffer.from(config).toString('hex'));
      },
    });
    const makers = Array.from({ length: 3 }, (_, at) => {
      const diesAfter = random.chance(0.5) ? random.below(mostTurns) : undefined;
      const options = {
        name: `${at}`,
        world,
        storage,
        repository,
        faults: noFaults,
        onCall: () => undefined,
        diesAfter,
      };
      return new SimulatedProcess(options);
    });
    const made: string[] = [];
    const make = async (process: SimulatedProcess): Promise<void> => {
      try {
        await world.compute(() => initRepository(process.target, { password: simulatedPassword, keyOptions }));
        made.push(process.name);
      } catch (error) {
        assert.ok(isHoldfastError(error) && error.code === 'repository.exists', String(error));
      }
      process.finished = true;
    };
    const works = makers.map((maker) => make(maker));
    await Promise.race([
      world.runUntil(() => makers.every(({ dead, finished }) => dead || finished)),
      Promise.all(works).then(() => new Promise(() => {})),
    ]);
    assert.ok(made.length <= 1 && configs.size <= 1, `seed ${seed}: made by ${made.join()}`);
    const target = storage.open();
    // Whatever was left half done: the same password completes it.
    if (!storage.visible.has('config/')) await initRepository(target, { password: simulatedPassword, keyOptions });
    await assert.doesNotReject(openRepository(target, { password: simulatedPassword }), `seed ${seed}`);
  }
});
