import { bind, cString, errnoError, lastErrno, nativePlatform } from './library.ts';
import { maxXattrSizeBytes, xattrBufferSizeBytes } from './limits.ts';

/**
 * Extended attributes of the file itself, never of what a link points at. POSIX ACLs are among them on Linux
 * (`system.posix_acl_access`, `system.posix_acl_default`), so is `security.capability`.
 */

const lost = 'extended attributes, ACLs and capabilities';
// macOS has the same calls with position and options; its XATTR_NOFOLLOW is 1.
const llistxattr = bind<(path: Buffer, list: Buffer, size: number, darwinOptions?: number) => number>(lost, {
  linux: 'int64_t llistxattr(void *path, void *list, size_t size)',
  darwin: 'int64_t listxattr(void *path, void *list, size_t size, int options)',
});
const lgetxattr = bind<
  (path: Buffer, name: Buffer, value: Buffer, size: number, position?: number, options?: number) => number
>(lost, {
  linux: 'int64_t lgetxattr(void *path, void *name, void *value, size_t size)',
  darwin: 'int64_t getxattr(void *path, void *name, void *value, size_t size, uint32_t position, int options)',
});
const lsetxattr = bind<
  (path: Buffer, name: Buffer, value: Buffer, size: number, flagsOrPosition: number, options?: number) => number
>(lost, {
  linux: 'int lsetxattr(void *path, void *name, void *value, size_t size, int flags)',
  darwin: 'int setxattr(void *path, void *name, void *value, size_t size, uint32_t position, int options)',
});
const lremovexattr = bind<(path: Buffer, name: Buffer, options?: number) => number>(lost, {
  linux: 'int lremovexattr(void *path, void *name)',
  darwin: 'int removexattr(void *path, void *name, int options)',
});

const scratch = Buffer.allocUnsafe(xattrBufferSizeBytes);
const darwinArguments = nativePlatform() === 'darwin';
const noFollow = 1;
/** File systems without attributes answer these; that is no error, there just are none. */
const none = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const missing = new Set(['ENODATA', 'ENOATTR']);

function list(path: Buffer, into: Buffer): number {
  return darwinArguments ? llistxattr()(path, into, into.length, noFollow) : llistxattr()(path, into, into.length);
}

/** Names of the attributes, in the system's order; empty where the file system has none. */
export function listXattrs(path: Buffer): Buffer[] {
  const terminated = cString(path);
  let names = scratch;
  let length = list(terminated, names);
  if (length === 0) return [];
  while (length < 0) {
    const code = lastErrno();
    if (none.has(code)) return [];
    if (code !== 'ERANGE' || names.length >= maxXattrSizeBytes) throw errnoError(code, 'llistxattr', path);
    names = Buffer.allocUnsafe(names.length * 4);
    length = list(terminated, names);
  }
  const found: Buffer[] = [];
  for (let start = 0; start < length; ) {
    const end = names.indexOf(0, start);
    found.push(Buffer.from(names.subarray(start, end)));
    start = end + 1;
  }
  return found;
}

/** The value, or undefined when the file has no such attribute (any more). */
export function readXattr(path: Buffer, name: Buffer): Buffer | undefined {
  const terminatedPath = cString(path);
  const terminatedName = cString(name);
  for (let value = scratch; ; value = Buffer.allocUnsafe(value.length * 4)) {
    const length = darwinArguments
      ? lgetxattr()(terminatedPath, terminatedName, value, value.length, 0, noFollow)
      : lgetxattr()(terminatedPath, terminatedName, value, value.length);
    if (length >= 0) return Buffer.from(value.subarray(0, length));
    const code = lastErrno();
    if (missing.has(code) || none.has(code)) return undefined;
    if (code !== 'ERANGE' || value.length >= maxXattrSizeBytes) throw errnoError(code, 'lgetxattr', path);
  }
}

/** Creates or replaces the attribute. */
export function writeXattr(path: Buffer, name: Buffer, value: Uint8Array): void {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const result = darwinArguments
    ? lsetxattr()(cString(path), cString(name), bytes, bytes.length, 0, noFollow)
    : lsetxattr()(cString(path), cString(name), bytes, bytes.length, 0);
  if (result !== 0) throw errnoError(lastErrno(), 'lsetxattr', path);
}

/** Removes the attribute; one that is not there is fine. */
export function removeXattr(path: Buffer, name: Buffer): void {
  const result = darwinArguments
    ? lremovexattr()(cString(path), cString(name), noFollow)
    : lremovexattr()(cString(path), cString(name));
  if (result === 0) return;
  const code = lastErrno();
  if (!missing.has(code) && !none.has(code)) throw errnoError(code, 'lremovexattr', path);
}
