import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipUnless } from '@holdfast/core/testing';
import { TestFleet } from '../testing/test-fleet.ts';

const kills = 20;
const agents = 10;

test('twenty random kills, and the database crashing between them: no run is lost, and none is done twice', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const fleet = await TestFleet.start(t, agents);
  for (let number = 1; number <= kills; number += 1) {
    await fleet.queue(2);
    await delay(Math.random() * 3_000);
    const victim = fleet.others[Math.floor(Math.random() * fleet.others.length)] ?? fleet.others[0];
    await victim.kill();
    if (number % 5 === 0) {
      await fleet.cluster.stop('immediate');
      await delay(Math.random() * 5_000);
      await fleet.cluster.startAgain();
    }
    // Sometimes it is back before anybody has missed it, sometimes long after its runs have passed to others.
    await delay(Math.random() ** 2 * 30_000);
    await victim.start();
    t.diagnostic(`kill ${number}: ${await fleet.open()} runs are open`);
  }
  while ((await fleet.open()) > 0) await delay(500);
  await fleet.verify(kills * 2 * agents);
});
