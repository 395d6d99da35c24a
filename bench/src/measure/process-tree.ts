import { readdirSync, readFileSync } from 'node:fs';

/** One process as /proc shows it. */
interface MemoryOfProcess {
  readonly residentBytes: number;
  readonly highestResidentBytes: number;
}

/**
 * The highest memory of all processes of one session together, and of those of a server that works for it. Resident
 * memory of one process; where there are several, proportional memory, so that what they share counts once. The
 * high-water mark of each process of the session closes the gaps between two polls; the server's may be of earlier.
 */
export class TreeMemory {
  readonly #session: number;
  readonly #alongside: readonly number[];
  #processes: readonly number[];
  #peakBytes = 0;

  /** `session` is the process that leads it; nothing of it is reported where there is no /proc. */
  constructor(session: number, alongside: readonly number[] = []) {
    this.#session = session;
    this.#alongside = alongside;
    this.#processes = [session];
  }

  /** Undefined where the system does not tell. */
  get peakBytes(): number | undefined {
    return this.#peakBytes === 0 ? undefined : this.#peakBytes;
  }

  findProcesses(): void {
    if (process.platform !== 'linux') return;
    this.#processes = processesOfSession(this.#session);
  }

  poll(): void {
    const memories = this.#processes.map(memoryOf).filter((memory) => memory !== undefined);
    const highest = Math.max(0, ...memories.map((memory) => memory.highestResidentBytes));
    const [only] = memories;
    const all = [...this.#processes, ...this.#alongside];
    const together =
      memories.length === 1 && only && this.#alongside.length === 0
        ? only.residentBytes
        : all.reduce((sum, pid) => sum + (proportionalBytes(pid) ?? 0), 0);
    this.#peakBytes = Math.max(this.#peakBytes, highest, together);
  }
}

/** A process and all its descendants that live now, whatever sessions they made. Only the process where there is no /proc. */
export function processesBelow(root: number): readonly number[] {
  if (process.platform !== 'linux') return [root];
  const parents = new Map(allProcesses().map((pid) => [pid, Number(statFields(pid)?.[1])]));
  const found = [root];
  // The list grows while it is gone through.
  for (const parent of found) for (const [pid, its] of parents) if (its === parent) found.push(pid);
  return found;
}

/** CPU time that living processes have used so far, with what their ended children used. Undefined where there is no /proc. */
export function cpuOfProcessesMs(pids: readonly number[]): number | undefined {
  let total = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (!fields) return undefined;
    total += [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
  }
  return total * msPerTick;
}

/**
 * CPU time of all children that have ended, with their descendants, in milliseconds; the kernel adds it up where a parent
 * waits for its child (proc_pid_stat(5): cutime, cstime, in ticks of 10 ms). Undefined where there is no /proc.
 */
export function cpuOfEndedChildrenMs(): number | undefined {
  const fields = statFields('self');
  return fields && (Number(fields[13]) + Number(fields[14])) * msPerTick;
}

/** USER_HZ is 100 on every architecture that Node runs on. */
const msPerTick = 10;

/** Fields of /proc/PID/stat from the third on: the second is a name in brackets that may hold blanks. */
function statFields(pid: number | 'self'): readonly string[] | undefined {
  const text = readProc(`${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function processesOfSession(session: number): readonly number[] {
  return allProcesses().filter((pid) => Number(statFields(pid)?.[3]) === session);
}

function allProcesses(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function memoryOf(pid: number): MemoryOfProcess | undefined {
  const status = readProc(`${pid}/status`);
  const residentBytes = kibibytes(status, 'VmRSS');
  const highestResidentBytes = kibibytes(status, 'VmHWM');
  return residentBytes === undefined || highestResidentBytes === undefined
    ? undefined
    : { residentBytes, highestResidentBytes };
}

function proportionalBytes(pid: number): number | undefined {
  return kibibytes(readProc(`${pid}/smaps_rollup`), 'Pss');
}

function kibibytes(text: string | undefined, name: string): number | undefined {
  const value = text && new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
  return value ? Number(value) * 1024 : undefined;
}

/** Undefined when the process has ended, or there is no /proc. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code)))
      return undefined;
    throw error;
  }
}
