import { test } from 'node:test';
import { crashNeeds, killRounds } from './kill-rounds.ts';

/** A few rounds; `npm run test:long` plays many. */
test(
  'the mover is killed at random moments of a backup and nothing that was reported is lost',
  {
    skip: crashNeeds,
  },
  (t) => killRounds(t, { role: 'mover', rounds: 6, seed: 1 }),
);
