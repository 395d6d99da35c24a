/**
 * `npm run bench:peers` brings the programs that `npm run bench` compares with into `.peers/bin`, beside restic and its
 * REST server (`npm run peers`): rustic is compiled by cargo, borg by pip, kopia by go, where these are installed. They
 * are compiled at the lowest priority and with a time limit, and a build that was stopped goes on where it was. What
 * cannot be had is named with its reason; the benchmark leaves it out and says so.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isAtLeast, peersFolder, program, programs } from '@holdfast/core/testing';

/** Two shared cores take a quarter of an hour for the longest. */
const buildLimitMs = 25 * 60_000;
/** The end of a failed build's output: its last lines have the reason. */
const shownOutputCharacters = 600;

const home = join(peersFolder, '..');
const buildFolder = join(home, 'build');

interface BuildStep {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Recipe {
  readonly name: string;
  readonly atLeast: string;
  /** What must be installed to build it. */
  readonly builder: string;
  /** Debian's packages that the build needs; without apt-get it is tried all the same. */
  readonly systemPackages: readonly string[];
  readonly steps: readonly BuildStep[];
  /** After the steps: what still has to happen so that it is in `.peers/bin`. */
  readonly finish?: () => void;
}

const borgFolder = join(home, 'borg');

const recipes: readonly Recipe[] = [
  {
    name: 'borg',
    atLeast: '1.4',
    builder: 'python3',
    systemPackages: ['libacl1-dev', 'libssl-dev', 'liblz4-dev', 'libzstd-dev', 'libxxhash-dev', 'pkg-config'],
    steps: [
      { file: 'python3', args: ['-m', 'venv', borgFolder] },
      { file: join(borgFolder, 'bin', 'pip'), args: ['install', '--quiet', 'borgbackup==1.4.*'] },
    ],
    finish: () => {
      const link = join(peersFolder, 'borg');
      rmSync(link, { force: true });
      symlinkSync(join('..', 'borg', 'bin', 'borg'), link);
    },
  },
  {
    name: 'rustic',
    atLeast: '0.11',
    builder: 'cargo',
    systemPackages: [],
    steps: [
      {
        file: 'cargo',
        args: ['install', 'rustic-rs', '--version', '~0.11', '--locked', '--root', home, '--no-track'],
        env: { CARGO_TARGET_DIR: join(buildFolder, 'rustic') },
      },
    ],
  },
  {
    name: 'kopia',
    atLeast: '0.20',
    builder: 'go',
    systemPackages: [],
    steps: [{ file: 'go', args: ['install', 'github.com/kopia/kopia@latest'], env: { GOBIN: peersFolder } }],
  },
];

mkdirSync(buildFolder, { recursive: true });
mkdirSync(peersFolder, { recursive: true });
for (const recipe of recipes) console.log(await bring(recipe));
for (const name of ['restic', 'restic-rest-server']) {
  const found = program(name);
  console.log(found ? present(name, found.version, found.path) : `✖ ${name}: \`npm run peers\` brings it`);
}
// What a stopped build has made is kept for the next attempt.
if (recipes.every((recipe) => newEnough(recipe) || recipe.builder !== 'cargo'))
  rmSync(buildFolder, { recursive: true, force: true });

/** A line that says whether the program is there now. */
async function bring(recipe: Recipe): Promise<string> {
  const { name, builder } = recipe;
  const there = newEnough(recipe);
  if (there) return present(name, there.version, there.path);
  if (!program(builder)) return `✖ ${name}: ${builder} is not installed here, so it cannot be built`;
  console.log(`Building ${name} (at most ${buildLimitMs / 60_000} minutes, at the lowest priority) …`);
  const reason = (await installSystemPackages(recipe.systemPackages)) ?? (await runSteps(recipe.steps));
  if (reason !== undefined) return `✖ ${name}: ${reason}`;
  recipe.finish?.();
  const built = newEnough(recipe);
  return built
    ? present(name, built.version, built.path)
    : `✖ ${name}: built, but not version ${recipe.atLeast} or newer`;
}

function present(name: string, version: string, path: string): string {
  return `✔ ${name} ${version}  ${path}`;
}

function newEnough({ name, atLeast }: Recipe): { version: string; path: string } | undefined {
  return programs(name, 'look again').find(({ version }) => isAtLeast(version, atLeast));
}

async function installSystemPackages(packages: readonly string[]): Promise<string | undefined> {
  if (packages.length === 0 || !program('apt-get') || process.getuid?.() !== 0) return undefined;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = { file: 'apt-get', args: ['-qq', 'install', '-y', '--no-install-recommends', ...packages], env };
  if ((await runStep(install)) === undefined) return undefined;
  // The lists may be missing or old.
  return (await runStep({ file: 'apt-get', args: ['-qq', 'update'] })) ?? runStep(install);
}

async function runSteps(steps: readonly BuildStep[]): Promise<string | undefined> {
  for (const step of steps) {
    const reason = await runStep(step);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Undefined when it went well, else why not. */
async function runStep({ file, args, env }: BuildStep): Promise<string | undefined> {
  const nice = existsSync('/usr/bin/nice') ? ['nice', '-n', '19', file] : [file];
  const [first = file, ...rest] = [...nice, ...args];
  const child = spawn(first, rest, {
    cwd: home,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-shownOutputCharacters);
    });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    // A compiler is many processes: all of the group end.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, buildLimitMs);
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    if (status === 0) return undefined;
    const line = [file, ...args].join(' ');
    return late ? `${line} took longer than ${buildLimitMs / 60_000} minutes` : `${line} failed: ${output.trim()}`;
  } catch (error) {
    return `${file} could not be started: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
