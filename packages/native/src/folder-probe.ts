import fs, { type BigIntStats } from 'node:fs';
import { bindOptional } from './built-in.ts';
import { errnoError, lastErrno, nativePlatform } from './library.ts';
import { maxNameSizeBytes, xattrBufferSizeBytes } from './limits.ts';
import { numericAddress } from './memory-address.ts';

/** What a look at a file tells, links not followed. */
export type FileStatus = Pick<
  BigIntStats,
  'mode' | 'nlink' | 'uid' | 'gid' | 'ino' | 'size' | 'dev' | 'rdev' | 'mtimeNs' | 'ctimeNs'
>;

type Statx = (folder: number, name: number, flags: number, mask: number, into: number) => number;
type ListAt = (
  call: number,
  folder: number,
  name: number,
  flags: number,
  list: number,
  size: number,
) => number | bigint;

/** linux/fcntl.h: AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT, which lstat(2) implies. */
const noFollow = 0x100;
const noAutomount = 0x800;
/** STATX_BASIC_STATS. */
const basicFields = 0x7ff;
/** listxattrat(2), since Linux 6.13; new system calls have one number on all architectures. */
const listXattrAtCall = 465;
const second = 1_000_000_000n;

/**
 * Looks at the entries of one open folder after the other. On Linux by statx(2) and listxattrat(2) relative to its
 * descriptor, which is three times as fast as Node's lstat and needs no path; elsewhere, and where the C library lacks
 * statx, by path. One per thread.
 */
export class FolderProbe {
  readonly #statx: Statx | undefined;
  #listAt: ListAt | undefined;
  readonly #name = new Uint8Array(maxNameSizeBytes + 1);
  readonly #nameAddress: number;
  readonly #into = new ArrayBuffer(256);
  readonly #words = new Uint32Array(this.#into);
  readonly #longs = new BigInt64Array(this.#into);
  readonly #unsignedLongs = new BigUint64Array(this.#into);
  readonly #intoAddress: number;
  readonly #list = new Uint8Array(xattrBufferSizeBytes);
  readonly #listAddress: number;

  /** @param ways 'portable' for Node's own functions only */
  constructor(ways: 'fastest' | 'portable' = 'fastest') {
    const linux = ways === 'fastest' && nativePlatform() === 'linux';
    const statx = linux
      ? bindOptional<Statx>('int statx(int folder, uint64_t name, int flags, unsigned int mask, uint64_t into)')
      : undefined;
    this.#listAt = linux
      ? bindOptional<ListAt>(
          'int64_t syscall(int64_t call, int64_t folder, uint64_t name, int64_t flags, uint64_t list, size_t size)',
        )
      : undefined;
    this.#nameAddress = statx === undefined ? 0 : numericAddress(this.#name);
    this.#intoAddress = statx === undefined ? 0 : numericAddress(new Uint8Array(this.#into));
    this.#listAddress = statx === undefined ? 0 : numericAddress(this.#list);
    this.#statx = statx;
  }

  /**
   * The status of an entry. @param path where Node finds it, asked for only if it is needed
   * @throws errors like those of node:fs
   */
  status(folder: number, name: Uint8Array, path: () => Buffer): FileStatus {
    if (this.#statx === undefined || !this.#setName(name)) return fs.lstatSync(path(), { bigint: true });
    if (this.#statx(folder, this.#nameAddress, noFollow | noAutomount, basicFields, this.#intoAddress) !== 0)
      throw errnoError(lastErrno(), 'statx', path());
    // struct statx of linux/stat.h, the same on all architectures.
    const words = this.#words;
    const word = (at: number): bigint => BigInt(words[at >> 2] ?? 0);
    const device = (at: number): bigint => deviceNumber(words[at >> 2] ?? 0, words[(at >> 2) + 1] ?? 0);
    const time = (at: number): bigint => (this.#longs[at >> 3] ?? 0n) * second + word(at + 8);
    return {
      nlink: word(16),
      uid: word(20),
      gid: word(24),
      mode: BigInt((words[28 >> 2] ?? 0) & 0xffff),
      ino: this.#unsignedLongs[32 >> 3] ?? 0n,
      size: this.#longs[40 >> 3] ?? 0n,
      ctimeNs: time(96),
      mtimeNs: time(112),
      rdev: device(128),
      dev: device(136),
    };
  }

  /** False when the entry surely has no extended attributes; ask `listXattrs` for them otherwise. */
  mayHaveXattrs(folder: number, name: Uint8Array): boolean {
    if (this.#listAt === undefined || this.#statx === undefined || !this.#setName(name)) return true;
    const size = Number(
      this.#listAt(listXattrAtCall, folder, this.#nameAddress, noFollow, this.#listAddress, xattrBufferSizeBytes),
    );
    if (size === 0) return false;
    if (size < 0) {
      const errno = lastErrno();
      // An older kernel, or a sandbox that does not know the call: not asked again.
      if (errno === 'ENOSYS' || errno === 'EPERM') this.#listAt = undefined;
    }
    return true;
  }

  /** False for a name that the system can't have given. */
  #setName(name: Uint8Array): boolean {
    if (name.byteLength > maxNameSizeBytes || name.byteLength === 0) return false;
    this.#name.set(name);
    this.#name[name.byteLength] = 0;
    return true;
  }
}

/** glibc's makedev(3), which stat(2) agrees with. */
function deviceNumber(major: number, minor: number): bigint {
  if (major < 0x1000 && minor < 0x100) return BigInt(major * 0x100 + minor);
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
