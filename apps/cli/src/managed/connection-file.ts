import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';

/** `<data>/connection.json`, written by `holdfast up`: how to reach the server of a data directory. Paths may be relative to it. */
const connectionFile = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  caFile: z.string().min(1),
  tokenFile: z.string().min(1),
});
export type ServerAddress = z.infer<typeof connectionFile>;

/** The server of a data directory; undefined if it holds none. */
export async function readConnectionFile(data: string | undefined): Promise<ServerAddress | undefined> {
  const directory = data === undefined ? defaultDataDirectory() : resolvePath(data);
  const path = resolve(directory, 'connection.json');
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw new HoldfastError('usage.configuration', {
      message: `${path} could not be read (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Use the user that runs `holdfast up`, or give --server, --token-file and --cacert.',
      cause: error,
    });
  }
  const parsed = connectionFile.safeParse(parseJson(content));
  if (!parsed.success) {
    throw new HoldfastError('usage.configuration', {
      message: `${path} does not say how to reach a server.`,
      guidance: 'Start `holdfast up` again, which writes it.',
    });
  }
  const { host, port, caFile, tokenFile } = parsed.data;
  return { host, port, caFile: resolve(directory, caFile), tokenFile: resolve(directory, tokenFile) };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
