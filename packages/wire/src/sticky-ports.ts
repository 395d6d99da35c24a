import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChannelId } from '@holdfast/contract';
import { errnoOf } from '@holdfast/core';
import { replaceFile } from './replace-file.ts';

/**
 * Ports that a listener found once and keeps across restarts, so that the server's note of them stays right. One small file,
 * replaced as a whole.
 */
export class StickyPorts {
  readonly #file: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'ports.json');
  }

  async get(channel: ChannelId): Promise<number | undefined> {
    return (await this.#read())[channel];
  }

  /** Durable when it resolves. */
  async set(channel: ChannelId, port: number): Promise<void> {
    const ports = { ...(await this.#read()), [channel]: port };
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    await replaceFile(this.#file, `${JSON.stringify(ports, null, 2)}\n`);
  }

  /** An unreadable note is as good as none: the next free port is found again. */
  async #read(): Promise<Record<string, number>> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return {};
      throw error;
    }
    return parseStickyPorts(text);
  }
}

export function parseStickyPorts(text: string): Record<string, number> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return {};
  return Object.fromEntries(
    Object.entries(parsed).filter(
      (entry): entry is [string, number] =>
        typeof entry[1] === 'number' && Number.isInteger(entry[1]) && entry[1] > 0 && entry[1] < 65_536,
    ),
  );
}
