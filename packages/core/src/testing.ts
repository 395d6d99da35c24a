/**
 * What tests of every package share: programs that a machine may lack, the reason for a skip, folders that are removed.
 * A test that needs something says so in its options, and CI refuses skips of the tests in `tools/required-tests.json`:
 *
 *     test('restic reads it', { skip: skipUnless({ programs: ['restic'] }) }, (t) => { … });
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export { freePort, freeRange } from './testing/free-port.ts';

export interface Program {
  /** Absolute path. */
  readonly path: string;
  /** `0.19.1`; `unknown` where the program does not tell. */
  readonly version: string;
}

/** What a test may ask for. Everything that is given must be there. */
export interface TestNeeds {
  readonly programs?: readonly string[];
  /** Root rights. */
  readonly root?: boolean;
  readonly platform?: NodeJS.Platform;
  /** The right to make network namespaces (`ip netns`), which containers often lack even for root. */
  readonly networkNamespaces?: boolean;
}

/** `npm run peers` puts the newest peers here; they win over the system's. */
export const peersFolder = join(import.meta.dirname, '..', '..', '..', '.peers', 'bin');

/** `npm run peers -- --keycloak` puts it here. */
export const keycloakFolder = join(peersFolder, '..', 'keycloak');

/** Debian keeps PostgreSQL's programs here; on the PATH it has only a wrapper, which goes by the name it is called by. */
const debianPostgres = '/usr/lib/postgresql/*/bin';

/** Programs that answer to something other than `--version`. */
const versionArguments: Readonly<Record<string, readonly string[]>> = {
  restic: ['version'],
  openssl: ['version'],
  ip: ['-V'],
  tc: ['-V'],
  ssh: ['-V'],
};
/** A program that hangs on the question for its version must not hang the test run. */
const versionLimitMs = 10_000;

const found = new Map<string, readonly Program[]>();

/** Every program of that name, the newest peers first, then in the order of the PATH. Remembered, unless told to look again. */
export function programs(name: string, memory?: 'look again'): readonly Program[] {
  const known = memory === 'look again' ? undefined : found.get(name);
  if (known) return known;
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const folders = [peersFolder, ...globSync(debianPostgres), ...path];
  const paths = new Set(
    folders
      .map((folder) => join(folder, name))
      .filter(isExecutable)
      .map((path) => realpathSync(path)),
  );
  const all = [...paths].map((path) => ({ path, version: versionOf(name, path) }));
  found.set(name, all);
  return all;
}

/**
 * Versions that tests compare with, at least. An older one is good for tests that go over all of `programs`: Debian 12 has restic
 * 0.14, which misses options, variables and exit statuses.
 */
export const leastVersions: Readonly<Record<string, string>> = { restic: '0.19' };

/** The first program of that name that is new enough, if there is one. */
export function program(name: string): Program | undefined {
  const least = leastVersions[name];
  return programs(name).find(({ version }) => least === undefined || isAtLeast(version, least));
}

/** Whether one version (`0.19.1`) is another or newer. */
export function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0;
}

/** The same for tests that have asked `skipUnless` for it. */
export function requireProgram(name: string): Program {
  const first = program(name);
  if (!first) throw new Error(missingProgram(name));
  return first;
}

/** False, or the reason to skip: fits the `skip` option of `node:test`. */
export function skipUnless(needs: TestNeeds): string | false {
  const reasons: string[] = [];
  if (needs.platform !== undefined && process.platform !== needs.platform) reasons.push(`needs ${needs.platform}`);
  for (const name of needs.programs ?? []) if (!program(name)) reasons.push(missingProgram(name));
  if (needs.root && process.getuid?.() !== 0) reasons.push('needs root rights (run the tests as root)');
  if (needs.networkNamespaces && !canMakeNetworkNamespaces())
    reasons.push('needs the right to make network namespaces (run the tests as root with CAP_SYS_ADMIN)');
  return reasons.length === 0 ? false : reasons.join('; ');
}

/** Makes a folder that is removed after the test; pass the test's context, or `{ after }` of `node:test` for a file's. */
export function temporaryFolder(context: { after(remove: () => void): void }): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')));
  context.after(() => removeFolder(folder));
  return folder;
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (process.platform === 'win32') throw error;
    // Folders without rights, and paths longer than the system's limit: what these programs manage and Node does not.
    spawnSync('chmod', ['-R', 'u+rwX', folder]);
    if (spawnSync('rm', ['-rf', folder]).status !== 0) throw error;
  }
}

function missingProgram(name: string): string {
  const least = leastVersions[name];
  return `needs the program ${name}${least === undefined ? '' : ` ${least} or newer`} (npm run peers)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us: the same to a test.
    return false;
  }
}

function versionOf(name: string, path: string): string {
  const answer = spawnSync(path, versionArguments[name] ?? ['--version'], {
    encoding: 'utf8',
    timeout: versionLimitMs,
  });
  return /\d+\.\d+(?:\.\d+)*/.exec(`${answer.stdout}${answer.stderr}`)?.[0] ?? 'unknown';
}

let networkNamespaces: boolean | undefined;

function canMakeNetworkNamespaces(): boolean {
  networkNamespaces ??= spawnSync('unshare', ['--net', 'true'], { timeout: versionLimitMs }).status === 0;
  return networkNamespaces;
}
