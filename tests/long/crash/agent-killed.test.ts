import { test } from 'node:test';
import { crashNeeds, killRounds } from '../../src/crash/kill-rounds.ts';

test(
  'the agent is killed 25 times at random moments of a backup and nothing that was reported is lost',
  {
    skip: crashNeeds,
  },
  (t) => killRounds(t, { role: 'agent', rounds: 25, seed: 2 }),
);
