import { constants } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { printableName } from '../object-name.ts';
import type { ObjectName } from '../target.ts';
import { type Folders, syncFolder } from './folders.ts';
import type { Layout } from './layout.ts';
import { noFollow, TemporaryFile } from './temporary-file.ts';

/** A record is one RFC 3339 time in UTC and a newline. */
const recordPattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/;
const maxRecordBytes = 64;

/**
 * The date of each protected object, in a file of its own beside the repository's. A record is replaced as a whole and
 * durable before anybody relies on it, so a crash leaves the old date or the new one. Callers keep two changes of one
 * object apart.
 */
export class RetentionRecords {
  readonly #layout: Layout;
  readonly #folders: Folders;

  constructor(layout: Layout, folders: Folders) {
    this.#layout = layout;
    this.#folders = folders;
  }

  /** The date, undefined without a record. A record that can't be read is an error: it must not free an object. */
  async read(name: ObjectName): Promise<Date | undefined> {
    if (!(await this.#folders.exists(this.#layout.retentionFolder(name)))) return undefined;
    let text: string;
    try {
      await using file = await open(this.#layout.retentionFile(name), constants.O_RDONLY | noFollow);
      const buffer = Buffer.alloc(maxRecordBytes);
      const { bytesRead } = await file.read(buffer, 0, maxRecordBytes, 0);
      text = buffer.toString('latin1', 0, bytesRead);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    const until = new Date(recordPattern.exec(text)?.[1] ?? Number.NaN);
    if (Number.isNaN(until.getTime()))
      throw new HoldfastError('storage.tampered', {
        message: `The record of how long ${printableName(name)} must be kept is unreadable (${this.#layout.retentionFile(name)})`,
        guidance:
          'The object stays protected. Find out what changed the record; write the right date into it, or remove it.',
      });
    return until;
  }

  async write(name: ObjectName, until: Date): Promise<void> {
    const folder = this.#layout.retentionFolder(name);
    await this.#folders.make(this.#layout.temporaryFolder);
    await this.#folders.make(folder);
    await using record = await TemporaryFile.create(this.#layout.temporaryFolder);
    await record.write([Buffer.from(`${until.toISOString()}\n`)]);
    await record.finish();
    await rename(record.path, this.#layout.retentionFile(name));
    record.moved();
    await syncFolder(folder);
  }

  async remove(name: ObjectName): Promise<void> {
    try {
      await unlink(this.#layout.retentionFile(name));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}
