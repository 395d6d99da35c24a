import { readdirSync, readFileSync } from 'node:fs';

/** One process as /proc shows it. */
interface MemoryOfProcess {
  readonly residentBytes: number;
  readonly highestResidentBytes: number;
}

/**
 * The highest memory of all processes of one session together. Resident memory of one process; where there are several,
 * proportional memory, so that what they share counts once. The high-water mark of each process closes the gaps between
 * two polls.
 */
export class TreeMemory {
  readonly #session: number;
  #processes: readonly number[];
  #peakBytes = 0;

  /** `session` is the process that leads it; nothing of it is reported where there is no /proc. */
  constructor(session: number) {
    this.#session = session;
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
    const together =
      memories.length === 1 && only
        ? only.residentBytes
        : this.#processes.reduce((sum, pid) => sum + (proportionalBytes(pid) ?? 0), 0);
    this.#peakBytes = Math.max(this.#peakBytes, highest, together);
  }
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
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((pid) => Number(statFields(pid)?.[3]) === session);
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
