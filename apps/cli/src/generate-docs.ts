// Writes docs/fleet.schema.json. With --check it writes nothing and fails when it is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errnoOf, exitStatus } from '@holdfast/core';
import { fleetJsonSchema } from './fleet/schema.ts';

const page = 'docs/fleet.schema.json';
const file = fileURLToPath(new URL(`../../../${page}`, import.meta.url));
const wanted = fleetJsonSchema();

if (current() === wanted) {
  console.log(`${page} is current.`);
} else if (process.argv.includes('--check')) {
  console.error(`${page} is out of date. Run: node apps/cli/src/generate-docs.ts`);
  process.exitCode = exitStatus.failed;
} else {
  writeFileSync(file, wanted);
  console.log(`${page} written.`);
}

function current(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
