import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { requireProgram, temporaryFolder } from '@holdfast/core/testing';
import type { MemoryTarget } from './memory-target.ts';
import { samplePassword } from './sample-repository.ts';

export interface ResticAnswer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the first restic on a repository with the sample's password, whatever comes of it. */
export function tryRestic(folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ResticAnswer {
  const { status, stdout, stderr } = spawnSync(requireProgram('restic').path, ['--no-cache', '-r', folder, ...args], {
    encoding: 'utf8',
    env: { ...process.env, RESTIC_PASSWORD: samplePassword, TZ: 'UTC', ...environment },
    timeout: 120_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/** Runs restic, which must succeed; gives its standard output. */
export function restic(folder: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = tryRestic(folder, args);
  assert.equal(status, 0, `restic ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Has restic check everything that a target in memory holds. */
export function resticChecks(target: MemoryTarget, context: { after(remove: () => void): void }): void {
  const folder = join(temporaryFolder(context), 'repo');
  target.writeTo(folder);
  assert.match(restic(folder, 'check', '--read-data'), /no errors were found/);
}
