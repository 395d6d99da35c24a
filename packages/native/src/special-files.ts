import { bind, cString, lastError, unavailable } from './library.ts';

const prototypes = {
  linux: 'int mknod(void *path, uint32_t mode, uint64_t device)',
  darwin: 'int mknod(void *path, uint16_t mode, int32_t device)',
};
const lost = 'device files, fifos and sockets';
const mknod = bind<(path: Buffer, mode: number, device: bigint) => number>(lost, prototypes);
// glibc before 2.33 exports only the versioned entry behind its inline mknod().
const olderMknod = bind<(version: number, path: Buffer, mode: number, device: BigUint64Array) => number>(lost, {
  linux: 'int __xmknod(int version, void *path, uint32_t mode, void *device)',
});

const typeBits = { fifo: 0o010000, character: 0o020000, block: 0o060000, socket: 0o140000 } as const;

export type SpecialFileType = keyof typeof typeBits;

/**
 * Makes a device file, fifo or socket (mknod(2)); permissions are subject to the umask. Devices need root.
 * @param device the system's own device number (`st_rdev`), for devices only
 */
export function makeSpecialFile(
  path: Buffer,
  options: { readonly type: SpecialFileType; readonly permissions: number; readonly device?: bigint },
): void {
  const mode = typeBits[options.type] | (options.permissions & 0o7777);
  const device = options.device ?? 0n;
  const terminated = cString(path);
  let result: number;
  let current: ((path: Buffer, mode: number, device: bigint) => number) | undefined;
  try {
    current = mknod();
  } catch (error) {
    if (process.platform !== 'linux') throw unavailable(lost, error);
  }
  if (current === undefined) result = olderMknod()(1, terminated, mode, new BigUint64Array([device]));
  else result = current(terminated, mode, device);
  if (result !== 0) throw lastError('mknod', path);
}
