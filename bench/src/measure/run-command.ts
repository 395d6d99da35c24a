import { spawn } from 'node:child_process';
import { commandLimitMs, keptOutputCharacters, memoryPollMs, treePollMs } from '../limits.ts';
import { cpuOfEndedChildrenMs, cpuOfProcessesMs, TreeMemory } from './process-tree.ts';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** All that the process gets: nobody's own settings change a result. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Measurement {
  /** Until all that was written is on disk. */
  readonly wallMs: number;
  /** How much of it was left to sync when the program had ended. */
  readonly syncMs: number;
  /** User and system time of the process and all its descendants; in steps of 10 ms. */
  readonly cpuMs: number | undefined;
  readonly peakMemoryBytes: number | undefined;
}

export interface CommandResult extends Omit<Measurement, 'syncMs'> {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  /** The end of what it wrote, standard output and standard error together. */
  readonly output: string;
}

/**
 * Runs a command in a session of its own and measures the whole process tree. One at a time: CPU time is what the
 * children of this process used meanwhile. Rejects when it cannot start; when aborted or over its limit, the whole
 * session is killed. What processes `alongside` use meanwhile, a server that works for the command, is added.
 */
export async function runCommand(
  command: Command,
  signal: AbortSignal,
  alongside: readonly number[] = [],
): Promise<CommandResult> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(commandLimitMs)]);
  limit.throwIfAborted();
  const cpuBeforeMs = cpuMsOf(alongside);
  const startedAt = performance.now();
  const child = spawn(command.file, command.args, {
    env: command.env,
    cwd: command.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-keptOutputCharacters);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
  const ended = Promise.withResolvers<{ status: number | undefined; wallMs: number }>();
  const closed = Promise.withResolvers<undefined>();
  child.once('error', ended.reject);
  child.once('exit', (status) => {
    ended.resolve({ status: status ?? undefined, wallMs: performance.now() - startedAt });
  });
  child.once('close', () => closed.resolve(undefined));
  const session = child.pid;
  const kill = (): void => {
    if (session !== undefined) killSession(session);
  };
  limit.addEventListener('abort', kill, { once: true });
  const stopPolling = session === undefined ? undefined : pollMemory(new TreeMemory(session, alongside));
  try {
    const { status, wallMs } = await ended.promise;
    const peakMemoryBytes = stopPolling?.();
    const cpuAfterMs = cpuMsOf(alongside);
    // What a program leaves behind must not work on while the next one is measured.
    kill();
    await closed.promise;
    signal.throwIfAborted();
    if (limit.aborted) keep(`\nkilled after ${commandLimitMs / 1000} s`);
    const cpuMs = cpuBeforeMs === undefined || cpuAfterMs === undefined ? undefined : cpuAfterMs - cpuBeforeMs;
    return { status, output, wallMs, cpuMs, peakMemoryBytes };
  } finally {
    stopPolling?.();
    limit.removeEventListener('abort', kill);
  }
}

function cpuMsOf(alongside: readonly number[]): number | undefined {
  const own = cpuOfEndedChildrenMs();
  const others = cpuOfProcessesMs(alongside);
  return own === undefined || others === undefined ? undefined : own + others;
}

/** Starts to poll; the function that it gives ends that and tells the peak. */
function pollMemory(memory: TreeMemory): () => number | undefined {
  memory.poll();
  const polls = setInterval(() => memory.poll(), memoryPollMs);
  const searches = setInterval(() => memory.findProcesses(), treePollMs);
  return () => {
    clearInterval(polls);
    clearInterval(searches);
    return memory.peakBytes;
  };
}

function killSession(session: number): void {
  try {
    process.kill(-session, 'SIGKILL');
  } catch (error) {
    // Nobody of it is left: the usual case.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
