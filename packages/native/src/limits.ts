/** Bounds of what the operating system is asked for in one call. */

/** Linux's XATTR_SIZE_MAX and XATTR_LIST_MAX are both 64 KiB; macOS allows larger resource forks, which are asked for by size. */
export const xattrBufferSizeBytes = 64 * 1024;
/** Linux's NAME_MAX, and that of all its file systems. */
export const maxNameSizeBytes = 255;
/** An attribute above this is refused (EFBIG): it would have to sit in memory, in a tree and in one JSON line. */
export const maxXattrSizeBytes = 16 * 1024 * 1024;
/** Record of one user or group, members included; glibc suggests 1 KiB, a group with 10,000 members needs about 256 KiB. */
export const maxAccountRecordSizeBytes = 1024 * 1024;
/** Remembered names and numbers of users and groups, per kind. */
export const maxCachedAccounts = 4096;
/** Entries of folders that are listed at once, in bytes: also room for a list of extended attributes. A larger one is hardly faster. */
export const folderListSizeBytes = 64 * 1024;
/** A thread may go on so long with what it does when it is to end: far longer than any job of ours. */
export const threadEndMs = 5000;
