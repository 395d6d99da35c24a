import type { TaskContext } from '@holdfast/protocol';

/** Of a task that nobody watches. */
export function silentContext(signal = new AbortController().signal): TaskContext {
  return {
    signal,
    grant: () => 'grant',
    onGrant: () => undefined,
    report: () => undefined,
    problem: () => undefined,
    degraded: () => undefined,
    write: async () => undefined,
    log: () => undefined,
    uses: () => undefined,
  };
}
