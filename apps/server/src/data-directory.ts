import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { writeFileDurably } from '@holdfast/protocol';

/** Where one server keeps everything it owns: mode 0700, one process at a time. */
export class DataDirectory implements Disposable {
  readonly path: string;
  readonly #lock: DatabaseSync;

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path;
    this.#lock = lock;
  }

  /** Makes the folder if it is not there and takes it. Throws `process.running` while another process has it. */
  static async open(path: string): Promise<DataDirectory> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    // An existing folder keeps its mode with mkdir; secrets are in it, so others must not even list it.
    await chmod(path, 0o700);
    return new DataDirectory(path, takeLock(join(path, 'process.lock'), path));
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** The file's text; undefined when it is not there. Throws when others than its owner may read it. */
  async readSecret(name: string): Promise<string | undefined> {
    const path = this.file(name);
    try {
      const { mode } = await stat(path);
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        throw new HoldfastError('usage.configuration', {
          message: `${path} holds a secret, but its mode ${(mode & 0o777).toString(8)} lets others at it.`,
          guidance: `Find out who could read it, then run \`chmod 600 ${path}\`; if in doubt, set up the server anew.`,
        });
      }
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The file's text, or what `make` gives, which is kept: durable, mode 0600, before it is returned. */
  async readOrMake(name: string, make: () => Promise<string> | string): Promise<string> {
    const present = await this.readSecret(name);
    if (present !== undefined) return present;
    const made = await make();
    await this.write(name, made);
    return made;
  }

  async write(name: string, content: string): Promise<void> {
    await writeFileDurably(this.file(name), content);
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

/**
 * Holds an exclusive SQLite transaction on a file of its own for as long as the process lives: the system gives the lock
 * back however the process ends, so there is no stale lock to judge.
 */
function takeLock(path: string, folder: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw new HoldfastError('process.running', {
      message: `Another Holdfast server already uses ${folder}.`,
      cause: error,
    });
  }
}
