import type { DumpCommandOptions } from '../commands/dump.ts';
import type { Contents, WantedContents } from '../stand-alone/dump.ts';
import type { Work } from '../work.ts';
import { connectServer } from './server-connection.ts';
import { serverSnapshot } from './server-snapshots.ts';

/** What `dump` writes, of a repository of the server: its executor reads, and the server passes it on. */
export async function contentsByServer(
  { reference, root, path }: WantedContents,
  options: DumpCommandOptions,
  { signal, resources }: Work,
): Promise<Contents> {
  const client = await connectServer(options, resources);
  const { id, repositoryId } = await serverSnapshot(client, { reference, filter: options, signal });
  const { headers, body } = await client.bytes('downloadContents', {
    params: { id: repositoryId, snapshotId: id },
    query: { root, path, archive: options.archive },
    signal,
  });
  return {
    isFolder: headers['content-type'] !== 'application/octet-stream',
    write: async (sink) => {
      for await (const bytes of body) await sink(bytes);
    },
  };
}
