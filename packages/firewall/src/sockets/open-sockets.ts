import { readdir, readFile, readlink } from 'node:fs/promises';
import { parseSocketTable, type TableEntry } from './socket-table.ts';

/** Who holds a socket. */
export interface ProcessAtSocket {
  readonly pid: number;
  /** As the kernel has it, at most 15 characters. */
  readonly name: string;
  /** The command line, in its parts. Empty where it cannot be read. */
  readonly command: readonly string[];
}

/** A TCP or UDP socket of this computer. */
export interface OpenSocket extends TableEntry {
  /** Empty where this user may not see whose it is. */
  readonly processes: readonly ProcessAtSocket[];
}

export interface SocketListing {
  readonly sockets: readonly OpenSocket[];
  /** Processes that see another network than this one (containers): their sockets are not among these. */
  readonly elsewhere: readonly ProcessAtSocket[];
}

const tables = ['tcp', 'tcp6', 'udp', 'udp6'] as const;

/**
 * The sockets of this process's network namespace and the processes that hold them, from /proc: nothing of it on other systems
 * than Linux. Processes of other users are seen by root only. Only sockets that `isWanted` takes are looked up.
 */
export async function openSockets(isWanted: (entry: TableEntry) => boolean = () => true): Promise<SocketListing> {
  const entries = (await Promise.all(tables.map(readTable))).flat().filter(isWanted);
  if (entries.length === 0) return { sockets: [], elsewhere: [] };
  const holders = new Map<string, ProcessAtSocket[]>(entries.map(({ inode }) => [inode, []]));
  const elsewhere: ProcessAtSocket[] = [];
  const here = await readOr('', () => readlink('/proc/self/ns/net'));
  for (const pid of await readOr([], () => readdir('/proc'))) {
    if (!/^\d+$/.test(pid)) continue;
    const network = await readOr(here, () => readlink(`/proc/${pid}/ns/net`));
    if (network !== here) elsewhere.push(await describe(pid));
    else await addHolder(pid, holders);
  }
  return { sockets: entries.map((entry) => ({ ...entry, processes: holders.get(entry.inode) ?? [] })), elsewhere };
}

async function addHolder(pid: string, holders: ReadonlyMap<string, ProcessAtSocket[]>): Promise<void> {
  let process: ProcessAtSocket | undefined;
  for (const descriptor of await readOr([], () => readdir(`/proc/${pid}/fd`))) {
    const target = await readOr('', () => readlink(`/proc/${pid}/fd/${descriptor}`));
    const known = holders.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '');
    if (!known) continue;
    process ??= await describe(pid);
    if (!known.includes(process)) known.push(process);
  }
}

async function describe(pid: string): Promise<ProcessAtSocket> {
  const name = await readOr('a process', () => readFile(`/proc/${pid}/comm`, 'utf8'));
  const command = await readOr('', () => readFile(`/proc/${pid}/cmdline`, 'utf8'));
  return { pid: Number(pid), name: name.trim(), command: command.split('\0').filter((part) => part !== '') };
}

async function readTable(table: (typeof tables)[number]): Promise<readonly TableEntry[]> {
  const transport = table.startsWith('tcp') ? 'tcp' : 'udp';
  return parseSocketTable(await readOr('', () => readFile(`/proc/net/${table}`, 'utf8')), transport);
}

/** Processes end while they are looked at, and not everything is for every user: what can't be read is not there. */
async function readOr<T>(otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch {
    return otherwise;
  }
}
