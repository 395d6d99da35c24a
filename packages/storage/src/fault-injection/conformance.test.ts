import { ManualClock } from '@holdfast/core';
import { runConformance } from '../testing.ts';
import { noFaults } from './fault-injector.ts';
import { FaultyTarget } from './faulty-target.ts';
import { SeededFaults } from './seeded-faults.ts';
import { SimulatedStorage } from './simulated-storage.ts';

for (const durability of ['ordered', 'unordered'] as const) {
  runConformance(`the simulated storage (${durability})`, async () => {
    const clock = new ManualClock();
    const target = new SimulatedStorage({ clock, durability }).open();
    return { target, advanceTime: (durationMs) => clock.advance(durationMs) };
  });
}

/** Time that passes by itself, so that delays end in an order of their own. */
class HastyClock extends ManualClock {
  override async sleep(durationMs: number): Promise<void> {
    for (let turns = durationMs % 7; turns > 0; turns -= 1) await Promise.resolve();
  }
}

runConformance('the simulated storage with calls delayed and reordered', async () => {
  const clock = new HastyClock();
  const faults = new SeededFaults({ seed: 1, rates: { delay: 0.5 }, clock });
  const target = new SimulatedStorage({ clock }).open(faults);
  return { target, advanceTime: (durationMs) => clock.advance(durationMs) };
});

runConformance('a target behind a fault injector that lets everything pass', async () => {
  const clock = new ManualClock();
  const target = new FaultyTarget(new SimulatedStorage({ clock }).open(), noFaults);
  return { target, advanceTime: (durationMs) => clock.advance(durationMs) };
});
