import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { killRounds } from './kill-rounds.ts';

test(
  'the agent is killed at random moments of a backup and nothing that was reported is lost',
  {
    skip: skipUnless({ programs: ['restic'], platform: 'linux' }),
  },
  (t) => killRounds(t, { role: 'agent', rounds: Number(process.env['ROUNDS'] ?? 6), seed: 1 }),
);
