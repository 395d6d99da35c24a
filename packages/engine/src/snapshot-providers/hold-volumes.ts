import { lstat, readFile, realpath } from 'node:fs/promises';
import nativePaths, { dirname } from 'node:path';
import { errnoOf, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { ReadingPlace } from '../backup/reading-places.ts';
import { apfs } from './apfs.ts';
import { btrfs } from './btrfs.ts';
import { fsfreeze } from './fsfreeze.ts';
import { lvm } from './lvm.ts';
import { macosMounts } from './macos-mounts.ts';
import { isInside, type Mount, mountOf, type Paths, parseMounts } from './mounts.ts';
import { runTool } from './run-tool.ts';
import type { ProviderName, SnapshotProvider, Tools, VolumeSnapshot } from './snapshot-provider.ts';
import { vss, windowsMounts } from './vss.ts';
import { zfs } from './zfs.ts';

export interface HoldOptions {
  /** Absolute paths. Those whose names are not UTF-8 are read as they are. */
  readonly sources: readonly (string | Buffer)[];
  /** 'auto': whatever fits each file system, reported where nothing does. A name: an error where it does not fit. */
  readonly provider: 'auto' | ProviderName;
  /** File systems mounted below a source are not part of the backup. */
  readonly oneFileSystem: boolean;
  /** What must not stand still: the repository's folder, for instance. */
  readonly busyPaths: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** What is read as it is, although a snapshot was asked for; leftovers that were removed, or could not be. */
  readonly onNote: (note: string) => void;
}

/** File systems that are held still; `await using` lets them go, in whatever way the work ended. */
export interface HeldVolumes extends AsyncDisposable {
  /** For `BackupOptions.readingPlaces`. */
  readonly places: readonly ReadingPlace[];
  /** Which file systems are read from a snapshot, and whose. */
  readonly held: readonly { readonly mountPoint: string; readonly provider: ProviderName }[];
  /** Lets all go. @throws backup.volume for the first that could not be: all others are gone all the same. */
  release(): Promise<void>;
}

/** Makes consistent snapshots of the file systems that the sources lie on. @throws backup.volume, usage.option */
export async function holdVolumes(options: HoldOptions): Promise<HeldVolumes> {
  const tools: Tools = { run: runTool, signal: options.signal };
  const holding = new Holding({ options, tools, ...(await systemOf(process.platform, { options, tools })) });
  try {
    for (const source of options.sources) await holding.holdSource(source);
  } catch (error) {
    await holding.release().catch((second: unknown) => options.onNote(toHoldfastError(second).message));
    throw error;
  }
  return holding;
}

/** What there is to make snapshots of, and who makes them. */
interface System {
  readonly mounts: readonly Mount[];
  readonly providers: readonly SnapshotProvider[];
}

async function systemOf(
  platform: NodeJS.Platform,
  { options, tools }: { readonly options: HoldOptions; readonly tools: Tools },
): Promise<System> {
  if (platform === 'linux') {
    const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
    return { mounts, providers: [btrfs, zfs, lvm(), fsfreeze(options)] };
  }
  if (platform === 'darwin') return { mounts: await macosMounts(tools), providers: [apfs()] };
  if (platform === 'win32') return { mounts: await windowsMounts(tools), providers: [vss] };
  throw new HoldfastError('usage.option', {
    message: 'Snapshots of file systems are made on Linux, macOS and Windows only.',
    guidance: 'Leave out --snapshot-provider.',
  });
}

type Outcome = { readonly snapshot: VolumeSnapshot } | { readonly unfit: string };

/** The work of `holdVolumes`; its parts are given, so that tests can have other file systems. */
export class Holding implements HeldVolumes {
  readonly places: ReadingPlace[] = [];
  readonly held: { readonly mountPoint: string; readonly provider: ProviderName }[] = [];
  readonly #options: HoldOptions;
  readonly #mounts: readonly Mount[];
  readonly #providers: readonly SnapshotProvider[];
  readonly #tools: Tools;
  readonly #paths: Paths;
  readonly #locate: typeof locate;
  readonly #outcomes = new Map<string, Outcome>();

  constructor(
    o: System & {
      readonly options: HoldOptions;
      readonly tools: Tools;
      /** Another system's way to write paths, and to find what a source stands for. */
      readonly foreign?: { readonly paths: Paths; readonly locate: typeof locate };
    },
  ) {
    this.#options = o.options;
    this.#mounts = o.mounts;
    this.#paths = o.foreign?.paths ?? nativePaths;
    this.#locate = o.foreign?.locate ?? locate;
    const { provider } = o.options;
    this.#providers = o.providers.filter(({ name, automatic }) =>
      provider === 'auto' ? automatic : name === provider,
    );
    this.#tools = o.tools;
  }

  async holdSource(source: string | Buffer): Promise<void> {
    const path = source.toString();
    if (!Buffer.from(path).equals(Buffer.from(source))) {
      this.#options.onNote(`${path} is not UTF-8 and is read as it is.`);
      return;
    }
    const found = await this.#locate(path);
    if (found === undefined) return;
    const { folder, whole, real } = found;
    const { join, relative } = this.#paths;
    const mount = mountOf(this.#mounts, real, this.#paths);
    if (mount === undefined) return;
    const inside = await this.#hold(mount);
    if (inside === undefined) return;
    const own = inside.leftOut.map((name) => join(mount.mountPoint, name)).find((live) => this.#isInside(real, live));
    if (own !== undefined) {
      this.#options.onNote(`${own} is a subvolume of its own and is read as it is; mount it to have snapshots of it.`);
      return;
    }
    this.#add(folder, join(inside.readFrom, relative(mount.mountPoint, real)));
    // What is not in the snapshot is an empty folder there.
    for (const name of inside.leftOut) {
      const live = join(mount.mountPoint, name);
      if (!whole || !this.#isInside(live, real)) continue;
      this.#options.onNote(`${live} is a subvolume of its own and is read as it is.`);
      this.#add(join(folder, relative(real, live)), live);
    }
    if (this.#options.oneFileSystem || !whole) return;
    for (const below of this.#mounts) {
      if (below === mount || !this.#isInside(below.mountPoint, real)) continue;
      const held = await this.#hold(below);
      const at = join(folder, relative(real, below.mountPoint));
      this.#add(at, held?.readFrom ?? below.mountPoint);
      for (const name of held?.leftOut ?? []) this.#add(join(at, name), join(below.mountPoint, name));
    }
  }

  async release(): Promise<void> {
    const failures: unknown[] = [];
    // The last one first, as they may lie inside one another.
    const outcomes = [...this.#outcomes].reverse();
    this.#outcomes.clear();
    for (const [, outcome] of outcomes) {
      try {
        if ('snapshot' in outcome) await outcome.snapshot.remove();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw toHoldfastError(failures[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  #isInside(path: string, folder: string): boolean {
    return isInside(path, folder, this.#paths);
  }

  #add(path: string, readFrom: string): void {
    this.places.push({ path: Buffer.from(path), readFrom: Buffer.from(readFrom) });
  }

  /** The snapshot of a file system, made once. */
  async #hold(mount: Mount): Promise<VolumeSnapshot | undefined> {
    const known = this.#outcomes.get(mount.mountPoint);
    if (known !== undefined) return 'snapshot' in known ? known.snapshot : undefined;
    const outcome = await this.#make(mount);
    this.#outcomes.set(mount.mountPoint, outcome);
    if ('snapshot' in outcome) return outcome.snapshot;
    const isData = !kernelTypes.has(mount.type);
    const message = `${mount.mountPoint} (${mount.type}) is read as it is: ${outcome.unfit}.`;
    if (isData && this.#options.provider !== 'auto') throw new HoldfastError('backup.volume', { message });
    if (isData) this.#options.onNote(message);
    return undefined;
  }

  async #make(mount: Mount): Promise<Outcome> {
    const reasons: string[] = [];
    if (kernelTypes.has(mount.type)) return { unfit: 'the kernel makes up what is in it' };
    for (const provider of this.#providers) {
      const unfit = await provider.unfit(mount, this.#tools);
      if (unfit !== undefined) {
        reasons.push(`${provider.name}: ${unfit}`);
        continue;
      }
      await this.#removeLeftovers(provider, mount);
      const snapshot = await provider.create(mount, this.#tools);
      this.held.push({ mountPoint: mount.mountPoint, provider: provider.name });
      return { snapshot };
    }
    return { unfit: reasons.join('; ') };
  }

  async #removeLeftovers(provider: SnapshotProvider, mount: Mount): Promise<void> {
    const { onNote, signal } = this.#options;
    try {
      const count = await provider.removeLeftovers(mount, this.#tools);
      if (count > 0) onNote(`${count} snapshots of ${mount.mountPoint} that a crash had left were removed.`);
    } catch (error) {
      signal?.throwIfAborted();
      onNote(`A snapshot of ${mount.mountPoint} that a crash left was not removed: ${toHoldfastError(error).message}`);
    }
  }
}

/** Nobody wants a snapshot of these, or can have one. */
const kernelTypes: ReadonlySet<string> = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devfs',
  'devpts',
  'devtmpfs',
  'efivarfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'proc',
  'pstore',
  'ramfs',
  'securityfs',
  'sysfs',
  'tmpfs',
  'tracefs',
]);

/** Where a source's content lies: in itself, or in the folder that a single file is in. Undefined when it is missing. */
async function locate(
  path: string,
): Promise<{ readonly folder: string; readonly whole: boolean; readonly real: string } | undefined> {
  try {
    const whole = (await lstat(path)).isDirectory();
    const folder = whole ? path : dirname(path);
    return { folder, whole, real: await realpath(folder) };
  } catch (error) {
    // The backup says what is the matter with it.
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
