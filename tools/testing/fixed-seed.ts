/**
 * Loaded into every test file by `npm test`, so that property tests try the same cases each time and none fails by chance. A
 * file that is run alone (`node --test FILE`) tries others in each run.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) (await import('fast-check')).configureGlobal({ seed: 1 });
