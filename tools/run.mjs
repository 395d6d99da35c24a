// The door to every npm script. Runs on any Node from 20 on: installs the project's dependencies if they are not there,
// Node 26 among them, then starts the command with that Node. Plain JavaScript, no dependencies, no pre/post scripts,
// so that it works with npm's scripts switched off as well.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeBinary = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

const commands = {
  start: ['apps/cli/src/main.mjs', 'up', '--demonstrate'],
  holdfast: ['apps/cli/src/main.mjs'],
  test: ['tools/test.ts'],
  'test:long': ['tools/test.ts', '--long'],
  check: ['tools/check.ts'],
  fix: ['tools/check.ts', '--fix'],
  simulate: ['tests/src/simulation/main.ts'],
  fuzz: ['packages/repository/src/fuzz/main.ts'],
  proof: ['apps/cli/src/main.mjs', 'ports', 'prove', 'tests/src/lab/main-job.yaml'],
  peers: ['tools/peers.ts'],
  screenshots: ['tests/src/console/screenshots.ts'],
  'build:console': ['tools/build-console.ts'],
  bench: ['bench/src/main.ts'],
  'bench:console': ['bench/src/console/main.ts'],
  'bench:fleet': ['bench/src/fleet/main.ts'],
  'bench:peers': ['tools/bench-peers.ts'],
};

/** Every package that the lock file wants here is installed in that version. */
function installed() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(nodeBinary) || !existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || entry.optional || !path.includes('node_modules/') || entry.version === present[path]?.version,
  );
}

/** Errors only: npm runs on the Node that is there and warns of packages that want a newer one, which is what they get. */
function install() {
  console.error('Installing the dependencies (npm ci) …');
  const npm = process.env.npm_execpath;
  const [file, args] = npm ? [process.execPath, [npm]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const result = spawnSync(file, [...args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && !npm,
  });
  if (result.status !== 0 || !installed()) {
    console.error('The dependencies could not be installed: npm ci failed. Its messages are above.');
    process.exit(1);
  }
}

const [name, ...rest] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (!command) {
  console.error(`usage: node tools/run.mjs ${Object.keys(commands).join('|')} [arguments]`);
  process.exit(2);
}
if (!installed()) install();

// The server hands the console out as it is built: a fresh clone has none yet.
if (name === 'start' || name === 'screenshots' || name === 'bench:console') {
  const built = spawnSync(nodeBinary, [join(root, 'tools/build-console.ts'), '--if-needed'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (built.status !== 0) console.error('Going on without it: everything can be done with the holdfast command, too.');
}

const [script, ...fixed] = command;
const child = spawn(nodeBinary, [join(root, script), ...fixed, ...rest], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  // A checkout keeps what it makes inside itself, unless the person says otherwise.
  env: { ...process.env, HOLDFAST_DATA: process.env.HOLDFAST_DATA ?? join(root, '.holdfast') },
});
// A terminal sends Ctrl-C to the child as well; from elsewhere the signal is passed on. Either way the child decides when to end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  console.error(`Could not start ${nodeBinary}: ${error.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
