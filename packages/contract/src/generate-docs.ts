// Writes docs/PORTS.md and docs/topology.schema.json. With --check it writes nothing and fails when one is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errnoOf, exitStatus } from '@holdfast/core';
import { renderPortsDocument } from './document.ts';
import { topologyJsonSchema } from './topology/json-schema.ts';

const pages: Readonly<Record<string, () => string>> = {
  'docs/PORTS.md': renderPortsDocument,
  'docs/topology.schema.json': topologyJsonSchema,
};

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function update(page: string, wanted: string): void {
  const file = fileURLToPath(new URL(`../../../${page}`, import.meta.url));
  if (current(file) === wanted) {
    console.log(`${page} is current.`);
  } else if (process.argv.includes('--check')) {
    console.error(`${page} is out of date. Run: node packages/contract/src/generate-docs.ts`);
    process.exitCode = exitStatus.failed;
  } else {
    writeFileSync(file, wanted);
    console.log(`${page} written.`);
  }
}

const unknown = process.argv.slice(2).find((argument) => argument !== '--check');
if (unknown === undefined) {
  for (const [page, render] of Object.entries(pages)) update(page, render());
} else {
  console.error(`usage: node packages/contract/src/generate-docs.ts [--check] (not ${unknown})`);
  process.exitCode = exitStatus.usage;
}
