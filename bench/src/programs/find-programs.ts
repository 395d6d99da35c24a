import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { versionLimitMs } from '../limits.ts';
import type { BackupProgram } from './backup-program.ts';
import { borg } from './borg.ts';
import { holdfast } from './holdfast.ts';
import { kopia } from './kopia.ts';
import { restic } from './restic.ts';
import { rustic } from './rustic.ts';

const root = join(import.meta.dirname, '..', '..', '..');

interface Peer {
  readonly name: string;
  readonly versionArgument: string;
  readonly adapt: (file: string, version: string) => BackupProgram;
}

const peers: readonly Peer[] = [
  {
    name: 'restic',
    versionArgument: 'version',
    adapt: (file, version) => restic(file, version, findFile('rest-server') ?? findFile('restic-rest-server')),
  },
  { name: 'rustic', versionArgument: '--version', adapt: rustic },
  { name: 'borg', versionArgument: '--version', adapt: borg },
  { name: 'kopia', versionArgument: '--version', adapt: kopia },
];

export const programNames: readonly string[] = ['holdfast', ...peers.map(({ name }) => name)];

export interface FoundPrograms {
  readonly programs: readonly BackupProgram[];
  /** Names of those that are nowhere to be found. */
  readonly missing: readonly string[];
}

/** Holdfast, and the wanted peers in `.peers/bin` (`npm run peers`) or on the PATH. */
export function findPrograms(wanted: readonly string[]): FoundPrograms {
  const found = peers
    .filter(({ name }) => wanted.includes(name))
    .map(({ name, versionArgument, adapt }) => {
      const file = findFile(name);
      return { name, program: file === undefined ? undefined : adapt(file, versionOf(file, versionArgument)) };
    });
  return {
    programs: [
      ...(wanted.includes('holdfast') ? [holdfast(ownVersion())] : []),
      ...found.map(({ program }) => program).filter((program) => program !== undefined),
    ],
    missing: found.filter(({ program }) => program === undefined).map(({ name }) => name),
  };
}

function findFile(name: string): string | undefined {
  const folders = [join(root, '.peers', 'bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there or not for us: the search goes on.
    return false;
  }
}

function versionOf(file: string, argument: string): string {
  const { stdout } = spawnSync(file, [argument], { encoding: 'utf8', timeout: versionLimitMs });
  return /\d+(\.\d+)+/.exec(stdout ?? '')?.[0] ?? 'unknown';
}

/** Of the working copy: the number, and the commit where git tells it. */
function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { stdout } = spawnSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' });
  return [manifest.version, stdout?.trim()].filter((part) => part).join('+');
}
