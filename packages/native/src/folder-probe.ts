import fs, { type BigIntStats } from 'node:fs';
import { bindOptional } from './built-in.ts';
import { errnoError, lastErrno, nativePlatform } from './library.ts';
import { folderListSizeBytes, maxNameSizeBytes, xattrBufferSizeBytes } from './limits.ts';
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
type ListFolder = (folder: number, into: number, size: number) => number | bigint;

/** linux/fcntl.h: AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT, which lstat(2) implies. */
const noFollow = 0x100;
const noAutomount = 0x800;
/** STATX_BASIC_STATS. */
const basicFields = 0x7ff;
/** listxattrat(2), since Linux 6.13; new system calls have one number on all architectures. */
const listXattrAtCall = 465;
const second = 1_000_000_000n;

/**
 * Looks at the entries of one open folder after the other. On Linux by getdents64(2), statx(2) and listxattrat(2) relative
 * to its descriptor, which is several times as fast as Node's functions and needs no path; elsewhere, and where the C
 * library lacks them, by path. Names are text with one character for each byte (latin1), which sorts as bytes do.
 *
 * The fields are those of the entry that was looked at last: numbers, because a backup looks at millions of entries and
 * mostly finds what it knows. One per thread.
 */
export class FolderProbe {
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  /** Rounded where `exact` is false. */
  ino = 0;
  size = 0;
  mtimeSeconds = 0;
  mtimeNanos = 0;
  ctimeSeconds = 0;
  ctimeNanos = 0;
  /** False when a number doesn't fit, which `status` has in full. */
  exact = false;

  readonly #statx: Statx | undefined;
  readonly #listFolder: ListFolder | undefined;
  #listAt: ListAt | undefined;
  readonly #name = new Uint8Array(maxNameSizeBytes + 1);
  readonly #nameAddress: number;
  readonly #into = new ArrayBuffer(256);
  readonly #words = new Uint32Array(this.#into);
  readonly #longs = new BigInt64Array(this.#into);
  readonly #unsignedLongs = new BigUint64Array(this.#into);
  readonly #intoAddress: number;
  readonly #list = Buffer.from(new ArrayBuffer(folderListSizeBytes));
  readonly #listAddress: number;
  /** What Node told of the last entry, where it was asked. */
  #told: FileStatus | undefined;

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
    this.#listFolder = linux
      ? bindOptional<ListFolder>('int64_t getdents64(int folder, uint64_t into, size_t size)')
      : undefined;
    this.#nameAddress = statx === undefined ? 0 : numericAddress(this.#name);
    this.#intoAddress = statx === undefined ? 0 : numericAddress(new Uint8Array(this.#into));
    this.#listAddress = statx === undefined ? 0 : numericAddress(this.#list);
    this.#statx = statx;
  }

  /**
   * The names of the entries, in the order of their bytes. @param folder just opened @param path asked for only if it is needed
   * @throws errors like those of node:fs
   */
  names(folder: number, path: () => Buffer): string[] {
    if (this.#listFolder === undefined) return fs.readdirSync(path(), { encoding: 'latin1' }).sort();
    const names: string[] = [];
    const list = this.#list;
    for (;;) {
      const length = Number(this.#listFolder(folder, this.#listAddress, list.byteLength));
      if (length < 0) throw errnoError(lastErrno(), 'getdents64', path());
      if (length === 0) return names.sort();
      // struct linux_dirent64: length at 16, name at 19, padded with NULs to a multiple of eight.
      for (let at = 0; at < length; ) {
        const start = at + 19;
        at += list.readUInt16LE(at + 16);
        let end = Math.max(start, at - 8);
        while (list[end] !== 0) end += 1;
        const dots = list[start] === 0x2e && (end === start + 1 || (end === start + 2 && list[start + 1] === 0x2e));
        if (!dots) names.push(list.toString('latin1', start, end));
      }
    }
  }

  /**
   * Looks at an entry; the fields tell what was seen. @param path where Node finds it, asked for only if it is needed
   * @throws errors like those of node:fs
   */
  look(folder: number, name: string, path: () => Buffer): void {
    if (this.#statx === undefined || !this.#setName(name)) {
      this.#take(fs.lstatSync(path(), { bigint: true }));
      return;
    }
    this.#told = undefined;
    if (this.#statx(folder, this.#nameAddress, noFollow | noAutomount, basicFields, this.#intoAddress) !== 0)
      throw errnoError(lastErrno(), 'statx', path());
    // struct statx of linux/stat.h, the same on all architectures.
    const words = this.#words;
    this.nlink = words[4] ?? 0;
    this.uid = words[5] ?? 0;
    this.gid = words[6] ?? 0;
    this.mode = (words[7] ?? 0) & 0xffff;
    this.ino = (words[8] ?? 0) + (words[9] ?? 0) * 2 ** 32;
    this.size = (words[10] ?? 0) + (words[11] ?? 0) * 2 ** 32;
    this.ctimeSeconds = (words[24] ?? 0) + ((words[25] ?? 0) | 0) * 2 ** 32;
    this.ctimeNanos = words[26] ?? 0;
    this.mtimeSeconds = (words[28] ?? 0) + ((words[29] ?? 0) | 0) * 2 ** 32;
    this.mtimeNanos = words[30] ?? 0;
    this.exact = this.ino <= Number.MAX_SAFE_INTEGER && this.size <= Number.MAX_SAFE_INTEGER;
  }

  /** The same as a look at the entry has told, in full. */
  status(): FileStatus {
    if (this.#told !== undefined) return this.#told;
    const words = this.#words;
    const device = (at: number): bigint => deviceNumber(words[at >> 2] ?? 0, words[(at >> 2) + 1] ?? 0);
    const time = (at: number): bigint => (this.#longs[at >> 3] ?? 0n) * second + BigInt(words[(at >> 2) + 2] ?? 0);
    return {
      nlink: BigInt(this.nlink),
      uid: BigInt(this.uid),
      gid: BigInt(this.gid),
      mode: BigInt(this.mode),
      ino: this.#unsignedLongs[32 >> 3] ?? 0n,
      size: this.#longs[40 >> 3] ?? 0n,
      ctimeNs: time(96),
      mtimeNs: time(112),
      rdev: device(128),
      dev: device(136),
    };
  }

  /** The device number of the file system that the entry is on. */
  get device(): bigint {
    return this.#told?.dev ?? deviceNumber(this.#words[34] ?? 0, this.#words[35] ?? 0);
  }

  /** False when the entry that was looked at last surely has no extended attributes; ask `listXattrs` for them otherwise. */
  mayHaveXattrs(folder: number): boolean {
    if (this.#listAt === undefined || this.#told !== undefined) return true;
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

  #take(stat: FileStatus): void {
    this.#told = stat;
    this.nlink = Number(stat.nlink);
    this.uid = Number(stat.uid);
    this.gid = Number(stat.gid);
    this.mode = Number(stat.mode);
    this.ino = Number(stat.ino);
    this.size = Number(stat.size);
    // Rounded down, also before 1970.
    this.mtimeNanos = Number(((stat.mtimeNs % second) + second) % second);
    this.mtimeSeconds = Number((stat.mtimeNs - BigInt(this.mtimeNanos)) / second);
    this.ctimeNanos = Number(((stat.ctimeNs % second) + second) % second);
    this.ctimeSeconds = Number((stat.ctimeNs - BigInt(this.ctimeNanos)) / second);
    this.exact = this.ino <= Number.MAX_SAFE_INTEGER && this.size <= Number.MAX_SAFE_INTEGER;
  }

  /** False for a name that the system can't have given. */
  #setName(name: string): boolean {
    const { length } = name;
    if (length > maxNameSizeBytes || length === 0) return false;
    for (let at = 0; at < length; at += 1) this.#name[at] = name.charCodeAt(at);
    this.#name[length] = 0;
    return true;
  }
}

/** glibc's makedev(3), which stat(2) agrees with. */
export function deviceNumber(major: number, minor: number): bigint {
  if (major < 0x1000 && minor < 0x100) return BigInt(major * 0x100 + minor);
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
