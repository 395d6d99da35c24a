import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { HoldfastError } from '@holdfast/core';
import { commandLimitMs, outputMaxBytes } from './limits.ts';

const execute = promisify(execFile);

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A network namespace (ip-netns(8)): interfaces, routes and firewall of its own. */
export class Namespace implements Disposable {
  readonly name: string;

  readonly #hostname: string;

  /** @throws `lab.impossible` where this system has no network namespaces, or the user may not make them. */
  constructor(name: string, hostname = name) {
    this.name = name;
    this.#hostname = hostname;
    ip('netns', 'add', name);
  }

  /** Runs `ip …` inside. */
  ip(...args: readonly string[]): void {
    ip('-n', this.name, ...args);
  }

  /** Sets kernel parameters (sysctl(8)) of this namespace: `net/ipv4/ip_forward`. */
  sysctl(settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([key, value]) => `echo ${value} > /proc/sys/${key}`);
    execFileSync('ip', ['netns', 'exec', this.name, 'sh', '-ec', lines.join('\n')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  /** Loads rules into the firewall of this namespace, all or none. */
  nft(script: string): void {
    execFileSync('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], {
      input: script,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  }

  /** What `nft` answers. */
  readNft(...args: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, 'nft', ...args], {
      encoding: 'utf8',
      maxBuffer: outputMaxBytes,
    });
  }

  /** Runs a program to its end, whatever its status. Rejects when it could not be started, was aborted or took too long. */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const running = execute('ip', this.#inside(program, args), {
      encoding: 'utf8',
      maxBuffer: outputMaxBytes,
      timeout: options.timeoutMs ?? commandLimitMs,
      killSignal: 'SIGKILL',
      env: { ...process.env, ...options.env },
      signal: options.signal,
    });
    // A program that doesn't read its input may be gone before it is written; its status tells what matters.
    running.child.stdin?.once('error', (error) => void error).end(options.input ?? '');
    try {
      return { status: 0, ...(await running) };
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code === 'number') return { status: code, stdout, stderr };
      throw error;
    }
  }

  /** Starts a program that stays, with a channel for messages to and from it. */
  spawn(program: string, args: readonly string[]): ChildProcess {
    return spawn('ip', this.#inside(program, args), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  }

  /** Arguments of `ip`. Each command replaces the one before it, so that the child is the program in the end. */
  #inside(program: string, args: readonly string[]): readonly string[] {
    const script = 'echo "$0" > /proc/sys/kernel/hostname; exec "$@"';
    return ['netns', 'exec', this.name, 'unshare', '--uts', 'sh', '-ec', script, this.#hostname, program, ...args];
  }

  [Symbol.dispose](): void {
    ip('netns', 'delete', this.name);
  }
}

function ip(...args: readonly string[]): void {
  try {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  } catch (cause) {
    const { stderr = '' } = cause as { stderr?: string };
    throw new HoldfastError('lab.impossible', {
      message: `ip ${args.join(' ')} failed: ${stderr.trim() || 'it could not be started'}.`,
      cause,
    });
  }
}
