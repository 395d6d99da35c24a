import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { identityKey } from '@holdfast/protocol';
import { z } from 'zod';
import { resolvePath } from '../data-directory.ts';

/** What `holdfast status --json` prints of a server, as far as its signatures go. */
const publishedKeys = z.object({ server: z.object({ installation: z.string(), identityKeys: z.array(identityKey) }) });

/** The keys of a server, as `holdfast status --json` printed them into a file. */
export async function readPublishedKeys(file: string): Promise<z.output<typeof publishedKeys>['server']> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(resolvePath(file), 'utf8'));
  } catch (cause) {
    throw new HoldfastError('usage.option', {
      message: `The server's keys ${file} could not be read (${errnoOf(cause) ?? 'no JSON'}).`,
      cause,
    });
  }
  const parsed = publishedKeys.safeParse(content);
  if (parsed.success) return parsed.data.server;
  throw new HoldfastError('usage.option', {
    message: `${file} holds no keys of a server.`,
    guidance: 'Write it with `holdfast status --json`, at the server that signed.',
  });
}
