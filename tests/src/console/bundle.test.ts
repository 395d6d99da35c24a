/** What a browser has to load before the console shows its first page, measured in the files as they are built. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
const dist = join(root, 'apps', 'console', 'dist');
/** Compressed, of scripts. */
const limitBytes = 300 * 1024;

interface Chunk {
  readonly file: string;
  readonly imports?: readonly string[];
}

before(() => {
  const built = spawnSync(process.execPath, [join(root, 'tools', 'build-console.ts'), '--if-needed']);
  assert.equal(built.status, 0, String(built.stderr));
});

test('the first view needs less than 300 KiB of compressed script', (t) => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite', 'manifest.json'), 'utf8')) as Record<string, Chunk>;
  const needed = new Set<string>();
  const add = (name: string): void => {
    const chunk = manifest[name];
    assert.ok(chunk, `${name} is not in the manifest`);
    if (needed.has(chunk.file)) return;
    needed.add(chunk.file);
    for (const other of chunk.imports ?? []) add(other);
  };
  // Who has signed in sees the overview; who has not, less.
  for (const entry of ['index.html', 'src/i18n/en.ts', 'src/pages/overview/overview-page.tsx']) add(entry);
  // The map of the network, with its libraries, is for those who look at it.
  const drawing = manifest['src/pages/network/network-drawing.tsx'];
  assert.ok(drawing && !needed.has(drawing.file));
  const bytes = [...needed].reduce((sum, file) => sum + compressedBytes(join(dist, file)), 0);
  t.diagnostic(`${needed.size} files, ${Math.round(bytes / 1024)} KiB`);
  assert.ok(bytes > 50_000, 'the manifest was read');
  assert.ok(bytes < limitBytes, `${bytes} bytes`);
});

test('nothing stands in the page itself that the Content-Security-Policy would refuse', () => {
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  assert.doesNotMatch(page, /<style|\sstyle=|\son[a-z]+=/);
  for (const [script] of page.matchAll(/<script[^>]*>[^<]*/g)) assert.match(script, /src="\/[^"]+"[^>]*>$/);
  assert.match(page, /content="__STYLE_NONCE__"/);
  assert.doesNotMatch(page, /https?:\/\//);
});

/** As gzip has it: what every browser takes. */
function compressedBytes(path: string): number {
  return readFileSync(existsSync(`${path}.gz`) ? `${path}.gz` : path).length;
}
