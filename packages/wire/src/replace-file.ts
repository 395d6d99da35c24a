import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from '@holdfast/core';

/** The file has the old text or the new one, whenever the computer stops; the new one is durable when it resolves. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await removeLeftovers(path);
  const temporary = `${path}.${process.pid}.tmp`;
  {
    await using file = await open(temporary, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  if (process.platform !== 'win32') {
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  }
}

/** What processes that crashed here did not get to rename. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const name = basename(path);
  for (const entry of await readdir(folder)) {
    const pid = entry.startsWith(`${name}.`) ? /^\d+(?=\.tmp$)/.exec(entry.slice(name.length + 1))?.[0] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, entry), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's.
    return errnoOf(error) !== 'ESRCH';
  }
}
