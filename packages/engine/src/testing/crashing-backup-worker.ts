import { parentPort } from 'node:worker_threads';
import '../backup/backup-worker.ts';

/** A thread of a backup that dies in the middle of its work, without a word. */
parentPort?.on('message', ({ job }: { readonly job: { readonly kind: string } }) => {
  if (job.kind === 'scan') process.exit(7);
});
