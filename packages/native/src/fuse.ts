import { addressOf, bind, cString, errnoError, lastErrno, lastError } from './library.ts';
import { holding } from './memory-address.ts';

/** What serving a FUSE file system needs of the kernel: mount(2), umount2(2), poll(2), and a descriptor from fusermount. */

const lost = 'showing a repository as a file system (FUSE)';
const mount = bind<(source: Buffer, target: Buffer, type: Buffer, flags: bigint, data: Buffer) => number>(lost, {
  linux: 'int mount(void *source, void *target, void *type, uint64_t flags, void *data)',
});
const umount = bind<(target: Buffer, flags: number) => number>(lost, { linux: 'int umount2(void *target, int flags)' });
const poll = bind<(fds: Buffer, count: bigint, timeoutMs: number) => number>(lost, {
  linux: 'int poll(void *fds, uint64_t count, int timeout)',
});
const fcntl = bind<(fd: number, command: number, argument: number) => number>(lost, {
  linux: 'int fcntl(int fd, int command, int argument)',
});
const socketpair = bind<(domain: number, type: number, protocol: number, fds: Int32Array) => number>(lost, {
  linux: 'int socketpair(int domain, int type, int protocol, void *fds)',
});
const recvmsg = bind<(fd: number, message: Buffer, flags: number) => number>(lost, {
  linux: 'int64_t recvmsg(int fd, void *message, int flags)',
});

const readOnly = 1n;
const noSetuid = 2n;
const noDevices = 4n;
const detach = 2;
const noFollow = 8;

export interface FuseMount {
  /** A folder. */
  readonly mountPoint: string;
  /** The open `/dev/fuse` that requests will come from. */
  readonly fd: number;
  /** What `mount` and `df` show in front; no commas. */
  readonly source: string;
  /** `holdfast` makes the type `fuse.holdfast`. */
  readonly subtype: string;
  readonly userId: number;
  readonly groupId: number;
  /** Other users may look in; else only the one who mounted. */
  readonly allowOther: boolean;
  /** The kernel checks modes and owners. */
  readonly defaultPermissions: boolean;
}

/** Mounts read-only, without set-user-id programs and devices. Needs CAP_SYS_ADMIN. */
export function mountFuse(options: FuseMount): void {
  const { mountPoint, fd, source, subtype, userId, groupId } = options;
  const data = [`fd=${fd}`, 'rootmode=40000', `user_id=${userId}`, `group_id=${groupId}`];
  if (options.allowOther) data.push('allow_other');
  if (options.defaultPermissions) data.push('default_permissions');
  const result = mount()(
    cString(source),
    cString(mountPoint),
    cString(`fuse.${subtype}`),
    readOnly | noSetuid | noDevices,
    cString(data.join(',')),
  );
  if (result !== 0) throw lastError('mount', mountPoint);
}

/** Takes a mount out of the file tree at once, also while it is in use; it ends when its last user has. */
export function detachMount(mountPoint: string): void {
  if (umount()(cString(mountPoint), detach | noFollow) !== 0) throw lastError('umount2', mountPoint);
}

const pollIn = 1;

/** Blocks the thread until something can be read, or the other side is gone, or the time is over: then false. */
export function waitReadable(fd: number, timeoutMs: number): boolean {
  // struct pollfd: int fd; short events; short revents.
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(pollIn, 4);
  const ready = poll()(entry, 1n, timeoutMs);
  if (ready >= 0) return ready > 0;
  const code = lastErrno();
  if (code === 'EINTR') return false;
  throw errnoError(code, 'poll');
}

const getFlags = 3;
const setFlags = 4;
const nonBlocking = 0o4000;

/** From now on reading answers EAGAIN where it would wait. */
export function setNonBlocking(fd: number): void {
  const flags = fcntl()(fd, getFlags, 0);
  if (flags < 0 || fcntl()(fd, setFlags, flags | nonBlocking) < 0) throw lastError('fcntl');
}

const unixDomain = 1;
const streamType = 1;

/** Two connected Unix sockets, as plain descriptors that the caller closes. */
export function socketPair(): readonly [number, number] {
  const fds = new Int32Array(2);
  if (socketpair()(unixDomain, streamType, 0, fds) !== 0) throw lastError('socketpair');
  const [one, other] = fds;
  return [one ?? -1, other ?? -1];
}

const socketLevel = 1;
const rightsMessage = 1;
const withoutWaiting = 0x40;
const closeOnExec = 0x40000000;

/** A descriptor that another process has sent over a Unix socket (SCM_RIGHTS); undefined when none is there. */
export function receiveDescriptor(socket: number): number | undefined {
  const payload = Buffer.alloc(8);
  // struct iovec; struct cmsghdr with room for one int; struct msghdr. All of 64-bit Linux, as glibc and musl have them.
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(addressOf(payload), 0);
  vector.writeBigUInt64LE(BigInt(payload.length), 8);
  const control = Buffer.alloc(24);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(addressOf(vector), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(addressOf(control), 32);
  message.writeBigUInt64LE(BigInt(control.length), 40);
  const received = holding([payload, vector, control], () => recvmsg()(socket, message, withoutWaiting | closeOnExec));
  if (received < 0) {
    const code = lastErrno();
    if (code === 'EAGAIN') return undefined;
    throw errnoError(code, 'recvmsg');
  }
  const holdsOne =
    message.readBigUInt64LE(40) >= 20n &&
    control.readBigUInt64LE(0) === 20n &&
    control.readInt32LE(8) === socketLevel &&
    control.readInt32LE(12) === rightsMessage;
  return holdsOne ? control.readInt32LE(16) : undefined;
}
