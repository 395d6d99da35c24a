import type { FileStatus } from '@holdfast/native';

/** Equal for two looks at one file between which it did not change. */
export function fileVersion(stat: Pick<FileStatus, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>): string {
  return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
