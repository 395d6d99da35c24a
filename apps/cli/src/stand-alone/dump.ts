import { open, rm } from 'node:fs/promises';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
import { findFolder, findNode, subtreeOf } from '@holdfast/engine';
import { type DumpSink, dumpFile, dumpFolder } from '@holdfast/engine/dump';
import type { ObjectId } from '@holdfast/repository';
import type { DumpCommandOptions } from '../commands/dump.ts';
import { resolvePath } from '../data-directory.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
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
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('dump');
  const { view } = work;
  const { repository, signal } = await openForReading(options, work);
  const { reference, path } = splitReference(what.reference);
  const found = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  await repository.loadIndex({ signal });
  const root = await findFolder(repository, { tree: found.snapshot.tree, path, signal });
  const entry = await findNode(repository, { tree: root, path: what.path, signal });
  const folder: { tree: ObjectId; path: Buffer } | undefined =
    entry === undefined
      ? { tree: root, path: Buffer.from('/') }
      : entry.node.type === 'dir'
        ? { tree: subtreeOf(entry), path: entry.path }
        : undefined;
  if (entry !== undefined && folder === undefined && entry.node.type !== 'file')
    throw new HoldfastError('request.conflict', {
      message: `${what.path} is neither a file nor a folder but of type ${entry.node.type}.`,
      guidance: 'Dump the folder that it is in.',
    });
  const dump = async (sink: DumpSink): Promise<void> => {
    if (folder !== undefined) await dumpFolder(repository, { ...folder, format: options.archive, sink, signal });
    else if (entry !== undefined) await dumpFile(repository, { node: entry.node, sink, signal });
  };
  if (options.target !== undefined) await toFile(options.target, dump);
  else {
    if (folder !== undefined && process.stdout.isTTY)
      throw new HoldfastError('usage.option', {
        message: 'An archive is nothing for a terminal.',
        guidance: 'Send it somewhere with > or |, or use --target FILE.',
      });
    await dump(print);
  }
  return exitStatus.success;
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
