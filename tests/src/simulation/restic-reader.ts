import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireProgram } from '@holdfast/core/testing';
import { nameOfKey, type StorageState } from '@holdfast/storage/testing';

const execute = promisify(execFile);
const limitMs = 120_000;
const folders = { key: 'keys', lock: 'locks', snapshot: 'snapshots', index: 'index', data: 'data' } as const;

/** A state on disk, in restic's layout. Locks are left out: who held them is gone. */
function writeState(state: StorageState, folder: string): void {
  for (const name of Object.values(folders)) mkdirSync(join(folder, name), { recursive: true });
  for (const [key, bytes] of state) {
    const { type, id } = nameOfKey(key);
    if (type === 'lock') continue;
    const inside = type === 'config' ? '.' : type === 'data' ? join('data', id.slice(0, 2)) : folders[type];
    mkdirSync(join(folder, inside), { recursive: true });
    writeFileSync(join(folder, inside, type === 'config' ? 'config' : id), bytes);
  }
}

/** The second reader, which nobody here wrote: restic reads every byte of a state. Gives what it complained of. */
export async function checkWithRestic(
  state: StorageState,
  options: { readonly folder: string; readonly password: string },
): Promise<string | undefined> {
  const folder = mkdtempSync(join(options.folder, 'state-'));
  try {
    writeState(state, folder);
    const args = ['-r', folder, 'check', '--read-data', '--no-cache', '--no-lock', '--quiet'];
    await execute(requireProgram('restic').path, args, {
      env: { ...process.env, RESTIC_PASSWORD: options.password },
      timeout: limitMs,
    });
    return undefined;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `restic check --read-data:\n${stdout ?? ''}\n${stderr ?? String(error)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
