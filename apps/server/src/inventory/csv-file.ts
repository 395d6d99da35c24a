import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { maxCsvBytes } from '../limits.ts';

/**
 * The text of a group's file. Links are followed, but not out of the folder. Throws `request.conflict` when there is no folder for
 * such files, `request.missing` when the file can't be read, `request.invalid` when it lies elsewhere or is too large.
 */
export async function readCsvFile(file: string, folder: string | undefined): Promise<string> {
  if (folder === undefined)
    throw new HoldfastError('request.conflict', {
      message: 'The server is not configured to read lists of computers from files.',
      guidance: 'Set `csvFolder` in the configuration of the server, or upload the list.',
    });
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, file));
    if (!path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`))
      throw new HoldfastError('request.invalid', { message: `The file ${file} is not in the server's csvFolder.` });
    await using handle = await open(path);
    const content = Buffer.alloc(maxCsvBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < content.length; length += read)
      read = (await handle.read(content, length, content.length - length)).bytesRead;
    if (length > maxCsvBytes)
      throw new HoldfastError('request.invalid', { message: `The file ${file} is larger than ${maxCsvBytes} bytes.` });
    return content.toString('utf8', 0, length);
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError('request.missing', {
      message: `The file ${file} in the server's csvFolder could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}
