import { HoldfastError } from '@holdfast/core';
import { findFolder, findNode, subtreeOf } from '@holdfast/engine';
import { dumpFile, dumpFolder } from '@holdfast/engine/dump';
import type { ContentsHead, Reading } from '@holdfast/protocol/executor';
import { type Node, type ObjectId, plainLength, type Repository } from '@holdfast/repository';
import type { Work } from './execute.ts';

/** Writes a line of JSON that says what follows, and then a file, or a folder as an archive. */
export async function writeContents(
  asked: Extract<Reading, { what: 'contents' }>,
  { repository, signal, write }: Work,
): Promise<void> {
  const { snapshot } = await repository.loadSnapshot(asked.snapshotId, { signal });
  await repository.loadIndex({ signal, ifChanged: true });
  const begin = (head: ContentsHead): Promise<void> => write(Buffer.from(`${JSON.stringify(head)}\n`));
  const root = await findFolder(repository, { tree: snapshot.tree, path: asked.root, signal });
  const found = await findNode(repository, { tree: root, path: asked.path, signal });
  if (found === undefined || found.node.type === 'dir') {
    const [tree, path] = found === undefined ? [root, Buffer.from('/')] : [subtreeOf(found), found.path];
    await begin({ kind: 'archive', name: found?.node.name.toString() ?? '' });
    await dumpFolder(repository, { tree, path, format: asked.archive, sink: write, signal });
    return;
  }
  const { node } = found;
  if (node.type !== 'file')
    throw new HoldfastError('request.conflict', {
      message: `${asked.path} is neither a file nor a folder but of type ${node.type}.`,
      guidance: 'Take the folder that it is in.',
    });
  const { sizeBytes, from, to, content, skip } = partOf(repository, node, asked);
  await begin({ kind: 'file', name: node.name.toString(), sizeBytes, from, to });
  let [left, toSkip] = [to - from + 1, skip];
  const sink = async (bytes: Uint8Array): Promise<void> => {
    const piece = bytes.subarray(toSkip, toSkip + left);
    toSkip = Math.max(0, toSkip - bytes.byteLength);
    left -= piece.byteLength;
    if (piece.byteLength > 0) await write(piece);
  };
  await dumpFile(repository, { node: { ...node, content }, sink, signal });
}

/** The blobs of a file that hold the bytes from `from` to `to`; both are of the file. `skip` of the first are not wanted. */
function partOf(
  repository: Repository,
  node: Node,
  asked: { readonly from: number; readonly to?: number | undefined },
): { sizeBytes: number; from: number; to: number; content: ObjectId[]; skip: number } {
  const blobs = (node.content ?? []).map((id) => {
    const place = repository.index.lookup(id, 'data');
    if (place !== undefined) return { id, length: plainLength(place) };
    throw new HoldfastError('repository.damaged', {
      message: `Blob ${id.slice(0, 8)} is not in the index of the repository.`,
      context: { blob: id },
    });
  });
  const sizeBytes = blobs.reduce((sum, { length }) => sum + length, 0);
  const from = Math.min(asked.from, sizeBytes);
  const to = Math.min(asked.to ?? sizeBytes - 1, sizeBytes - 1);
  const content: ObjectId[] = [];
  let [at, skip] = [0, 0];
  for (const { id, length } of blobs) {
    if (at + length > from && at <= to) {
      if (content.length === 0) skip = from - at;
      content.push(id);
    }
    at += length;
  }
  return { sizeBytes, from, to, content, skip };
}
