import { test } from 'node:test';
import { manyWriters, manyWritersNeed } from '../../src/concurrency/many-writers.ts';

test(
  'two computers, an unmodified restic, a prune and a check at once lose nothing in five minutes',
  { skip: manyWritersNeed },
  (t) => manyWriters(t, { seconds: 300, seed: 2 }),
);
