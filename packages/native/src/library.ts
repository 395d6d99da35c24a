import { createRequire } from 'node:module';
import { getSystemErrorMap } from 'node:util';
import { HoldfastError } from '@holdfast/core';
import type * as Koffi from 'koffi';

/**
 * The C library, through koffi, loaded when first needed: commands that touch no files don't pay for it.
 * The null handle is the process itself, which has glibc or musl (Linux) or libSystem (macOS) loaded already.
 */

let loaded: { readonly koffi: typeof Koffi; readonly process: Koffi.LibraryHandle } | undefined;

function library(): { readonly koffi: typeof Koffi; readonly process: Koffi.LibraryHandle } {
  if (loaded === undefined) {
    const koffi = loadKoffi();
    loaded = { koffi, process: koffi.load(null) };
  }
  return loaded;
}

function loadKoffi(): typeof Koffi {
  const require = createRequire(import.meta.url);
  const { platform, arch } = process;
  try {
    // Its binary by itself: the entry of the package looks for it in 10 ms, in every thread.
    return require(`@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`) as typeof Koffi;
  } catch {
    // Of another kind (musl, say), or in another place.
    return require('koffi') as typeof Koffi;
  }
}

/** The functions of a library in a file of its own. @throws when it cannot be loaded, or lacks the function */
export function loadLibrary(file: string): <F extends (...args: never[]) => unknown>(prototype: string) => F {
  const opened = library().koffi.load(file);
  return <F extends (...args: never[]) => unknown>(prototype: string) => opened.func(prototype) as unknown as F;
}

export type Platform = 'linux' | 'darwin';

export function nativePlatform(): Platform | undefined {
  return process.platform === 'linux' || process.platform === 'darwin' ? process.platform : undefined;
}

/**
 * Binds one C function on first use.
 * @param lost what a person goes without where the function does not exist; part of the error's message
 */
export function bind<F extends (...args: never[]) => unknown>(
  lost: string,
  prototypes: Partial<Record<Platform, string>>,
): () => F {
  let bound: F | undefined;
  return () => {
    if (bound !== undefined) return bound;
    const platform = nativePlatform();
    const prototype = platform === undefined ? undefined : prototypes[platform];
    if (prototype === undefined) throw unavailable(lost);
    try {
      const func: F = library().process.func(prototype) as unknown as F;
      bound = func;
      return func;
    } catch (cause) {
      throw unavailable(lost, cause);
    }
  };
}

export function unavailable(lost: string, cause?: unknown): HoldfastError {
  return new HoldfastError('native.unavailable', {
    message: `Not available on ${process.platform}: ${lost}`,
    context: { platform: process.platform },
    cause,
  });
}

/** The address of a buffer's memory, which the garbage collector may not move while the call runs (ArrayBuffers never move). */
export function addressOf(buffer: Uint8Array): bigint {
  return library().koffi.address(buffer);
}

export function readCString(pointer: bigint): string {
  return library().koffi.decode.string(pointer);
}

/** The path with the NUL byte that C wants; one that contains a NUL itself can't exist. */
export function cString(path: Uint8Array | string): Buffer {
  const source = typeof path === 'string' ? Buffer.from(path) : path;
  if (source.includes(0)) throw errnoError('EINVAL', 'path', source);
  const terminated = Buffer.allocUnsafe(source.length + 1);
  terminated.set(source);
  terminated[source.length] = 0;
  return terminated;
}

const errorMap = getSystemErrorMap();

/** The errno of the call just made. */
export function lastErrno(): string {
  const number = library().koffi.errno();
  return errorMap.get(-number)?.[0] ?? `E${number}`;
}

/** Like the errors of node:fs: `code`, `errno`, `syscall`, `path`. */
export function errnoError(code: string, syscall: string, path?: Uint8Array | string): NodeJS.ErrnoException {
  let errno: number | undefined;
  let text = code;
  for (const [number, [name, message]] of errorMap) {
    if (name !== code) continue;
    errno = number;
    text = message;
    break;
  }
  const where = path === undefined ? '' : ` '${typeof path === 'string' ? path : Buffer.from(path).toString()}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text}, ${syscall}${where}`);
  error.code = code;
  if (errno !== undefined) error.errno = errno;
  error.syscall = syscall;
  if (typeof path === 'string') error.path = path;
  else if (path !== undefined) error.path = Buffer.from(path).toString();
  return error;
}

export function lastError(syscall: string, path?: Uint8Array | string): NodeJS.ErrnoException {
  return errnoError(lastErrno(), syscall, path);
}
