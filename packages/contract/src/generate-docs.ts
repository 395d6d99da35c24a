// Writes docs/PORTS.md. With --check it writes nothing and fails when the file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errnoOf, exitStatus } from '@holdfast/core';
import { renderPortsDocument } from './document.ts';

const file = fileURLToPath(new URL('../../../docs/PORTS.md', import.meta.url));

function current(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const unknown = process.argv.slice(2).find((argument) => argument !== '--check');
const wanted = renderPortsDocument();
if (unknown !== undefined) {
  console.error(`usage: node packages/contract/src/generate-docs.ts [--check] (not ${unknown})`);
  process.exitCode = exitStatus.usage;
} else if (current() === wanted) {
  console.log('docs/PORTS.md is current.');
} else if (process.argv.includes('--check')) {
  console.error('docs/PORTS.md is out of date. Run: node packages/contract/src/generate-docs.ts');
  process.exitCode = exitStatus.failed;
} else {
  writeFileSync(file, wanted);
  console.log('docs/PORTS.md written.');
}
