import { bind } from './library.ts';

/**
 * Functions of the libraries that Node carries inside itself (OpenSSL, zstd) and exports for its own add-ons. Node's own
 * API reaches them only with a costly set-up per call. They are an acceleration and nothing else: where a build of Node
 * doesn't export them, or gives other results, callers do without.
 */

export function bindOptional<F extends (...args: never[]) => unknown>(prototype: string): F | undefined {
  try {
    return bind<F>('an acceleration', { linux: prototype, darwin: prototype })();
  } catch {
    // Not exported by this build: nothing is lost but speed.
    return undefined;
  }
}
