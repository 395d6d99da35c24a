/**
 * `npm run build:console` builds the web console, and the agents' control panel, into `apps/console/dist`; with `--if-needed` only when it is not there or older
 * than what it is made of. Beside each file of text lie its compressed forms, so that the server compresses nothing itself.
 */
import { globSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { runNode } from './checks/program.ts';

const root = join(import.meta.dirname, '..');
const folder = 'apps/console';
const built = join(root, folder, 'dist');
/** What the console is made of: itself, the routes of the REST API, the published proof, and the versions of libraries. */
const sources = [
  `${folder}/{index.html,panel.html,package.json,tsconfig.json,vite.config.ts}`,
  `${folder}/{src,public}/**/*`,
  'packages/protocol/src/**/*.ts',
  'docs/proof.json',
  'package-lock.json',
];
const textFile = /\.(css|html|js|json|svg)$/;
/** A smaller one fits into a packet as it is. */
const minCompressedBytes = 1_000;

const { values } = parseArgs({ options: { 'if-needed': { type: 'boolean', default: false } } });
if (!values['if-needed'] || !isFresh()) await build();

/** Built after the last change of any source. */
function isFresh(): boolean {
  const entry = statSync(join(built, 'index.html'), { throwIfNoEntry: false });
  if (!entry) return false;
  return globSync(sources, { cwd: root }).every((path) => statSync(join(root, path)).mtimeMs <= entry.mtimeMs);
}

async function build(): Promise<void> {
  console.error('Building the web console …');
  const startedMs = performance.now();
  // Beside it, and put in its place when it is whole: a server that runs from this folder never has half of it.
  const next = `${built}.${process.pid}`;
  const args = ['build', join(root, folder), '--outDir', next, '--emptyOutDir', '--logLevel', 'warn'];
  const { status, stdout, stderr } = await runNode(root, 'node_modules/vite/bin/vite.js', args);
  if (status !== 0) {
    rmSync(next, { recursive: true, force: true });
    console.error(`The web console could not be built:\n${stdout}${stderr}`);
    process.exit(1);
  }
  for (const path of globSync('**/*', { cwd: next })) if (textFile.test(path)) compress(join(next, path));
  const last = `${next}.old`;
  if (statSync(built, { throwIfNoEntry: false })) renameSync(built, last);
  renameSync(next, built);
  rmSync(last, { recursive: true, force: true });
  console.error(`Built the web console in ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`);
}

/** The page itself is changed in each answer; all else is sent as it lies there. */
function compress(path: string): void {
  const content = readFileSync(path);
  if (content.length < minCompressedBytes || path.endsWith('.html')) return;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: constants.Z_BEST_COMPRESSION }));
}
