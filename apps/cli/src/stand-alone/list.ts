import { type ExitStatus, exitStatus } from '@holdfast/core';
import type { Repository } from '@holdfast/repository';
import type { ListedKind, ListOptions } from '../commands/list.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';

const types = { packs: 'data', index: 'index', snapshots: 'snapshot', keys: 'key', locks: 'lock' } as const;

export async function runList(kind: ListedKind, options: ListOptions, work: Work): Promise<ExitStatus> {
  const lock = options.lock && kind !== 'locks';
  const { repository, signal } = await openForReading({ ...options, lock }, work);
  if (kind === 'blobs') return listBlobs(repository, signal, work);
  const infos = await repository.list(types[kind], { signal });
  await print(infos.map(({ id }) => `${id}\n`).join(''));
  return exitStatus.success;
}

/** An index file that can't be read is a problem of its own: the others are listed. */
async function listBlobs(repository: Repository, signal: AbortSignal, { view }: Work): Promise<ExitStatus> {
  let unreadable = 0;
  for await (const file of repository.readIndexFiles(await repository.list('index', { signal }), { signal })) {
    if ('problem' in file) {
      unreadable += 1;
      view.problem(file.problem);
    } else for (const { blobs } of file.packs) await print(blobs.map(({ type, id }) => `${type} ${id}\n`).join(''));
  }
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}
