import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { runConformance } from '../testing.ts';
import { openLocalDisk } from './open-local-disk.ts';

const folder = temporaryFolder({ after });

for (const hardLinks of ['use', 'avoid'] as const) {
  runConformance(`the local disk (hard links: ${hardLinks})`, async () => {
    const clock = new ManualClock();
    const path = mkdtempSync(join(folder, 'repository-'));
    const target = await openLocalDisk({ path, create: true, clock, hardLinks });
    return { target, advanceTime: (durationMs) => clock.advance(durationMs) };
  });
}
