import { serveJobs } from '../threads/worker-side.ts';

/** A worker thread that does what a test asks of it, also the worst. */
serveJobs<'answer' | 'refuse' | 'throw later' | 'exit' | 'hang', string, never>((job) => {
  if (job === 'refuse') throw new Error('refused');
  if (job === 'exit') process.exit(3);
  if (job === 'hang') for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (job === 'throw later')
    setImmediate(() => {
      throw new Error('thrown later');
    });
  return { result: job };
});
