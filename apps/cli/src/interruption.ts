import { exitStatus, HoldfastError } from '@holdfast/core';

/**
 * Aborts on Ctrl-C or a request to end, so that the work under way cleans up; a second Ctrl-C ends at once. Dispose it
 * when the work is over.
 */
export class Interruption implements Disposable {
  readonly #abort = new AbortController();

  constructor() {
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  readonly #onSignal = (): void => {
    if (this.#abort.signal.aborted) process.exit(exitStatus.cancelled);
    this.#abort.abort(new HoldfastError('run.cancelled', { message: 'Stopped on request.' }));
  };

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
  }
}
