import type { Mount } from './mounts.ts';
import type { RunTool } from './run-tool.ts';

export interface VolumeSnapshot {
  /** Where the mount point's content is read. */
  readonly readFrom: string;
  /** Folders below the mount point, relative to it, that are not part of the snapshot and are read as they are. */
  readonly leftOut: readonly string[];
  /** Removes it; tried again at the next start when that fails. Needs no signal: it must run also after Ctrl-C. */
  remove(): Promise<void>;
}

/** How one kind of file system is held still. What it makes is named after this process, so that others know whose it is. */
export interface SnapshotProvider {
  readonly name: ProviderName;
  /** Whether it can be tried without being asked for: not where the computer's work stands still meanwhile. */
  readonly automatic: boolean;
  /** Why it can't be used for a file system; undefined when it can. */
  unfit(mount: Mount, tools: Tools): Promise<string | undefined>;
  /** Removes what processes that are gone have left on it. Gives how many. */
  removeLeftovers(mount: Mount, tools: Tools): Promise<number>;
  create(mount: Mount, tools: Tools): Promise<VolumeSnapshot>;
}

export interface Tools {
  readonly run: RunTool;
  readonly signal?: AbortSignal | undefined;
}

export type ProviderName = 'btrfs' | 'zfs' | 'lvm' | 'fsfreeze' | 'apfs' | 'vss';
