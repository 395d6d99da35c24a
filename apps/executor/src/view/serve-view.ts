import { AsyncResource } from 'node:async_hooks';
import { HoldfastError, hasCode } from '@holdfast/core';
import { blobsOfRestore } from '@holdfast/engine/restore';
import { type Task, type TaskOutcome, viewServed } from '@holdfast/protocol/executor';
import { repositoryKeyFromBytes } from '@holdfast/repository';
import { SnapshotView } from '@holdfast/repository/view';
import { createHttpServer } from '@holdfast/wire';
import type { Work } from '../execute.ts';
import { aliveEveryMs, maxViewStreams, viewIdleMs, viewRetryMs } from '../limits.ts';
import { answerView } from './answer-view.ts';
import { ViewLocks } from './view-locks.ts';

/**
 * Publishes a view of one snapshot for one reader, under a lock, until the task is cancelled or nobody has asked for half an hour. A
 * reader that lives asks more often: it refreshes its lock every few minutes.
 */
export async function serveView(task: Extract<Task, { kind: 'view' }>, work: Work): Promise<TaskOutcome> {
  const { repository, onProgress, onProblem } = work;
  const { clock } = repository;
  await using lock = await repository.lock({ exclusive: false, signal: work.signal, onProblem });
  const over = new AbortController();
  const signal = AbortSignal.any([work.signal, lock.signal, over.signal]);
  await repository.loadIndex({ signal });
  const { snapshot } = await repository.loadSnapshot(task.snapshotId, { signal });
  const blobs = await blobsOfRestore(repository, {
    ...task,
    tree: snapshot.tree,
    signal,
    onFolder: (folders) => onProgress({ phase: 'prepare', filesDone: folders, bytesDone: 0 }),
  });
  const key = repositoryKeyFromBytes(Buffer.from(task.key, 'base64url'));
  const view = new SnapshotView({ repository, snapshot, key, entries: blobs.entries(), onDamage: onProblem });
  const locks = new ViewLocks();
  let requests = 0;
  let sentBytes = 0;
  let usedMs = clock.monotonicMs();
  const onSent = (bytes: number): void => {
    sentBytes += bytes;
    usedMs = clock.monotonicMs();
  };
  await using server = createHttpServer({
    // The task that each request to the repository is made for.
    handler: AsyncResource.bind((req, res) => {
      requests += 1;
      usedMs = clock.monotonicMs();
      void answerView({ view, locks, signal, onSent }, req, res);
    }),
  });
  const publishing = Array.from({ length: maxViewStreams }, () =>
    keepPublished(work, { readerSessionId: task.readerSessionId, feed: server.feed, signal }),
  );
  const failing = Promise.all(publishing);
  failing.catch((error: unknown) => over.abort(error));
  try {
    while (clock.monotonicMs() - usedMs < viewIdleMs) {
      onProgress({ phase: viewServed, filesDone: requests, bytesDone: sentBytes });
      await clock.sleep(aliveEveryMs, signal);
    }
    return { kind: 'view', requests, sentBytes };
  } finally {
    over.abort(new HoldfastError('run.cancelled'));
    await server.close({ graceMs: 0 });
    await Promise.allSettled(publishing);
  }
}

/** Keeps one stream to the mover, on which requests of the reader come; one that has ended is opened again. */
async function keepPublished(
  { connectReader, repository }: Work,
  o: {
    readonly readerSessionId: string;
    readonly feed: ReturnType<typeof createHttpServer>['feed'];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { readerSessionId, feed, signal } = o;
  while (!signal.aborted) {
    try {
      const connection = await connectReader(readerSessionId, signal);
      feed(connection);
      await connection.closed;
    } catch (error) {
      if (signal.aborted) return;
      // Else the reader has no session yet, or the mover is starting again.
      if (hasCode(error, 'auth.forbidden')) throw error;
      await repository.clock.sleep(viewRetryMs, signal);
    }
  }
}
