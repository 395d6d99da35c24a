import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@holdfast/core/testing';

export interface TestLife {
  after(end: () => void): void;
}

/** A connection that one end tries to make to the other. */
export interface Attempt {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/** No command here takes longer, however busy the machine. */
const commandLimitMs = 120_000;
const worker = join(import.meta.dirname, 'traffic-worker.ts');

/** A network namespace that ends with the test; its mounts are its own too. */
export class Namespace {
  readonly #keeper: ChildProcessWithoutNullStreams;

  private constructor(keeper: ChildProcessWithoutNullStreams) {
    this.#keeper = keeper;
  }

  static async create(context: TestLife): Promise<Namespace> {
    const keeper = spawn('unshare', ['--net', '--mount', 'sh', '-c', 'echo ready; exec cat']);
    context.after(() => keeper.kill());
    await once(keeper.stdout, 'readable');
    const namespace = new Namespace(keeper);
    namespace.run('ip', ['link', 'set', 'lo', 'up']);
    return namespace;
  }

  get pid(): number {
    assert.ok(this.#keeper.pid !== undefined);
    return this.#keeper.pid;
  }

  /** The command that runs another one in here. */
  command(program: string, args: readonly string[] = []): readonly [string, ...string[]] {
    return ['nsenter', '--net', '--mount', '--target', `${this.pid}`, program, ...args];
  }

  /** Runs a program in here; fails the test if that fails. Gives its output. */
  run(program: string, args: readonly string[] = [], input = ''): string {
    const [file, ...rest] = this.command(program, args);
    const { status, stdout, stderr, error } = spawnSync(file, rest, {
      encoding: 'utf8',
      input,
      timeout: commandLimitMs,
    });
    assert.equal(status, 0, `${program} ${args.join(' ').slice(0, 300)}: ${stderr}${error?.message ?? ''}`);
    return stdout;
  }

  /** Starts a program in here that ends with the test. */
  start(context: TestLife, program: string, args: readonly string[] = []): void {
    const [file, ...rest] = this.command(program, args);
    const child = spawn(file, rest, { stdio: 'ignore' });
    context.after(() => child.kill());
  }

  /** What programs in here write to /etc and /run is for them alone, and gone after the test. */
  coverEtc(context: TestLife): void {
    const folder = temporaryFolder(context);
    const mounts = [
      `mount -t tmpfs tmpfs '${folder}'`,
      `mkdir '${folder}/upper' '${folder}/work'`,
      `mount -t overlay -o lowerdir=/etc,upperdir='${folder}/upper',workdir='${folder}/work' overlay /etc`,
      'mount -t tmpfs tmpfs /run',
    ];
    this.run('sh', ['-e'], mounts.join('\n'));
  }

  /** A program that does in here what the named one does: for code that starts it by name. */
  wrapper(context: TestLife, program: string, args: readonly string[] = []): string {
    const file = join(temporaryFolder(context), program);
    writeFileSync(file, `#!/bin/sh\nexec ${this.command(program, args).join(' ')} "$@"\n`);
    chmodSync(file, 0o700);
    return file;
  }

  /** Which of the connections are answered, by whoever: a port that nobody listens on answers as well. */
  attempts(tried: readonly Attempt[]): readonly boolean[] {
    return JSON.parse(this.run(process.execPath, [worker, JSON.stringify(tried)])) as boolean[];
  }
}

/** The host of a firewall under test and one that plays everybody else, joined by a wire. */
export async function twoHosts(
  context: TestLife,
  addresses: { readonly host: readonly string[]; readonly others: readonly string[] },
): Promise<{ readonly host: Namespace; readonly others: Namespace }> {
  const host = await Namespace.create(context);
  const others = await Namespace.create(context);
  host.run('ip', ['link', 'add', 'wire', 'type', 'veth', 'peer', 'wire', 'netns', `${others.pid}`]);
  for (const [namespace, own] of [[host, addresses.host] as const, [others, addresses.others] as const]) {
    namespace.run('ip', ['link', 'set', 'wire', 'up']);
    for (const address of own) {
      const quick = address.includes(':') ? ['nodad'] : [];
      namespace.run('ip', ['address', 'add', address, 'dev', 'wire', ...quick]);
    }
  }
  return { host, others };
}
