import { open, rm } from 'node:fs/promises';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import { findFolder, findNode, subtreeOf } from '@holdfast/engine';
import { type DumpSink, dumpFile, dumpFolder } from '@holdfast/engine/dump';
import type { DumpCommandOptions } from '../commands/dump.ts';
import { resolvePath } from '../data-directory.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';
import { givenRepository } from './open-repository.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

export async function runDump(
  what: { readonly reference: string; readonly path: string },
  options: DumpCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { reference, path: root } = splitReference(what.reference);
  const wanted = { reference, root, path: what.path };
  const { isFolder, write } =
    (await givenRepository(options)) === undefined
      ? await (await import('../managed/server-contents.ts')).contentsByServer(wanted, options, work)
      : await contentsOf(wanted, options, work);
  await writeContents({ isFolder, write }, options.target);
  return exitStatus.success;
}

/** To a file, or to standard output. */
export async function writeContents({ isFolder, write }: Contents, target: string | undefined): Promise<void> {
  if (target !== undefined) return toFile(target, write);
  if (isFolder && process.stdout.isTTY)
    throw new HoldfastError('usage.option', {
      message: 'An archive is nothing for a terminal.',
      guidance: 'Send it somewhere with > or |, or use --target FILE.',
    });
  await write(print);
}

/** What is dumped: a file, or a folder as an archive. */
export interface Contents {
  readonly isFolder: boolean;
  readonly write: (sink: DumpSink) => Promise<void>;
}

export interface WantedContents {
  readonly reference: string;
  /** Where the path begins. */
  readonly root: string;
  readonly path: string;
}

async function contentsOf(wanted: WantedContents, options: DumpCommandOptions, work: Work): Promise<Contents> {
  const { view } = work;
  const { repository, signal } = await openForReading(options, work);
  const { reference } = wanted;
  const found = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  await repository.loadIndex({ signal });
  const root = await findFolder(repository, { tree: found.snapshot.tree, path: wanted.root, signal });
  const entry = await findNode(repository, { tree: root, path: wanted.path, signal });
  if (entry === undefined || entry.node.type === 'dir') {
    const [tree, path] = entry === undefined ? [root, Buffer.from('/')] : [subtreeOf(entry), entry.path];
    const format = options.archive;
    return { isFolder: true, write: (sink) => dumpFolder(repository, { tree, path, format, sink, signal }) };
  }
  const { node } = entry;
  if (node.type !== 'file')
    throw new HoldfastError('request.conflict', {
      message: `${wanted.path} is neither a file nor a folder but of type ${node.type}.`,
      guidance: 'Dump the folder that it is in.',
    });
  return { isFolder: false, write: (sink) => dumpFile(repository, { node, sink, signal }) };
}

/** What could not be written whole is removed: half an archive looks like one. */
async function toFile(target: string, dump: (sink: DumpSink) => Promise<void>): Promise<void> {
  const path = resolvePath(target);
  const refused = (error: unknown): HoldfastError =>
    new HoldfastError('restore.target', {
      message: `${target} could not be written (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Check the folder, its rights and its space.',
      cause: error,
    });
  const file = await open(path, 'w').catch((error: unknown) => {
    throw refused(error);
  });
  let isWhole = false;
  try {
    await dump(async (bytes) => {
      try {
        for (let rest = bytes; rest.byteLength > 0; ) rest = rest.subarray((await file.write(rest)).bytesWritten);
      } catch (error) {
        throw refused(error);
      }
    });
    isWhole = true;
  } finally {
    const isRegular = (await file.stat()).isFile();
    await file.close();
    if (!isWhole && isRegular) await rm(path, { force: true });
  }
}
