import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@holdfast/core';
import { bundleLimits } from './limits.ts';

const present = 'recent.jsonl';
const before = 'before.jsonl';

/**
 * The last lines of a process's log, in two files of its data directory that take turns: what a support bundle has of a process that
 * has ended as well. Whoever wants all of the log has it from standard error.
 */
export class KeptLog {
  readonly #folder: string;
  readonly #onFailure: (why: string) => void;
  #file: { readonly descriptor: number; bytes: number } | undefined;
  #failedMs: number | undefined;

  constructor(dataDir: string, onFailure: (why: string) => void) {
    this.#folder = keptLogFolder(dataDir);
    this.#onFailure = onFailure;
  }

  /** Adds a line. That it can't be kept, for want of space as a rule, must not be in the way of the work: it is told once a minute. */
  write(line: string): void {
    if (this.#failedMs !== undefined && performance.now() - this.#failedMs < bundleLimits.keptLogRetryMs) return;
    try {
      const bytes = Buffer.from(Buffer.byteLength(line) > bundleLimits.maxLineBytes ? tooLong(line) : line);
      const file = (this.#file ??= this.#open());
      writeSync(file.descriptor, bytes);
      file.bytes += bytes.length;
      if (file.bytes >= bundleLimits.keptLogBytes) this.#turn();
    } catch (error) {
      this.#failedMs = performance.now();
      this.close();
      this.#onFailure(errnoOf(error) ?? String(error));
    }
  }

  close(): void {
    if (this.#file) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }

  #open(): { descriptor: number; bytes: number } {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const descriptor = openSync(join(this.#folder, present), 'a', 0o600);
    return { descriptor, bytes: fstatSync(descriptor).size };
  }

  #turn(): void {
    this.close();
    renameSync(join(this.#folder, present), join(this.#folder, before));
  }
}

function keptLogFolder(dataDir: string): string {
  return join(dataDir, 'log');
}

function tooLong(line: string): string {
  return `${JSON.stringify({ msg: `a line of ${line.length} characters was not kept` })}\n`;
}

/** The kept lines of a data directory, oldest first; none where none were kept. */
export async function* keptLines(dataDir: string): AsyncGenerator<string> {
  for (const name of [before, present]) {
    const path = join(keptLogFolder(dataDir), name);
    if (!existsSync(path)) continue;
    await using file = await open(path, 'r');
    for await (const line of file.readLines()) if (line !== '') yield line;
  }
}
