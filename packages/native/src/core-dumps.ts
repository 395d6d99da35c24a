import { bind, lastError } from './library.ts';

const prctl = bind<(option: number, value: number, a: number, b: number, c: number) => number>(
  'keeping memory out of core dumps',
  { linux: 'int prctl(int option, unsigned long value, unsigned long a, unsigned long b, unsigned long c)' },
);

/** PR_SET_DUMPABLE of linux/prctl.h. */
const setDumpable = 4;

/**
 * From now on this process leaves no core dump, and no other process of the same user can look into its memory (prctl(2),
 * PR_SET_DUMPABLE). False where there is no such call.
 */
export function forbidDumps(): boolean {
  if (process.platform !== 'linux') return false;
  if (prctl()(setDumpable, 0, 0, 0, 0) !== 0) throw lastError('prctl');
  return true;
}
