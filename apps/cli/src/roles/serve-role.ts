import { type ErrorReport, toHoldfastError } from '@holdfast/core';
import { returnFreedMemory } from '@holdfast/native';

/** What a role's process tells the one that started it (`holdfast up`), over Node's IPC channel. */
export type RoleMessage =
  | { readonly kind: 'ready'; readonly details: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failed'; readonly error: ErrorReport };

/**
 * Runs a role until SIGINT, SIGTERM, or the end of the process that started it; then lets it finish what it must and
 * ends with 0. `start` rejects when the role cannot start; `details` are for people and for the parent: where it listens.
 */
export async function serveRole<Role extends AsyncDisposable>(
  start: () => Promise<Role>,
  details: (role: Role) => Readonly<Record<string, unknown>>,
): Promise<void> {
  const ending = new AbortController();
  const stop = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  process.on('disconnect', stop);
  try {
    await using role = await start();
    tell({ kind: 'ready', details: details(role) });
    // What starting needed for a moment; a role may now wait for days.
    returnFreedMemory();
    if (!ending.signal.aborted)
      await new Promise((resolve) => ending.signal.addEventListener('abort', resolve, { once: true }));
  } catch (error) {
    if (!ending.signal.aborted) {
      tell({ kind: 'failed', error: toHoldfastError(error).toJSON() });
      throw error;
    }
  } finally {
    if (process.connected) process.disconnect?.();
  }
}

function tell(message: RoleMessage): void {
  if (process.send) process.send(message);
  else if (message.kind === 'ready') process.stderr.write(`Ready. ${JSON.stringify(message.details)}\n`);
}
