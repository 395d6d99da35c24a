import { test } from 'node:test';
import { manyWriters, manyWritersNeed } from './many-writers.ts';

test(
  'two computers, an unmodified restic, a prune and a check at once lose nothing',
  { skip: manyWritersNeed, timeout: 400_000 },
  (t) => manyWriters(t, { seconds: 15, seed: 1 }),
);
