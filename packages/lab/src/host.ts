import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/core';
import type { Finished, Namespace, RunOptions } from './namespace.ts';
import { RoleProcess } from './role-process.ts';

/** The roles that are processes: what `holdfast ROLE` starts. */
export type RoleCommand = 'server' | 'mover' | 'agent';

/** A computer of the lab: addresses, a firewall, a folder, and processes. */
export class LabHost implements AsyncDisposable {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly namespace: Namespace;
  /** Where its processes keep what they keep. */
  readonly folder: string;
  /** How `holdfast` is called: the program, then its first arguments. */
  readonly program: readonly string[];
  readonly #processes = new Map<RoleCommand, RoleProcess>();

  constructor(o: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly namespace: Namespace;
    /** Of the lab. */
    readonly folder: string;
    readonly program: readonly string[];
  }) {
    this.name = o.name;
    this.addresses = o.addresses;
    this.namespace = o.namespace;
    this.folder = join(o.folder, o.name);
    this.program = o.program;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** The one that it is known by. */
  get address(): string {
    const [first] = this.addresses;
    if (first === undefined) throw new HoldfastError('lab.impossible', { message: `${this.name} has no address.` });
    return first;
  }

  /** Runs `holdfast …` to its end, whatever its status. */
  holdfast(args: readonly string[], options?: RunOptions): Promise<Finished> {
    const [program = 'holdfast', ...first] = this.program;
    return this.run(program, [...first, ...args], options);
  }

  /** Runs any program to its end, whatever its status. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Finished> {
    return this.namespace.run(program, args, options);
  }

  /** As `holdfast`, for commands that must succeed; the standard output. Throws with what it said when it does not. */
  async succeed(args: readonly string[], options?: RunOptions): Promise<string> {
    const { status, stdout, stderr } = await this.holdfast(args, options);
    if (status === 0) return stdout;
    throw new HoldfastError('lab.impossible', {
      message: `holdfast ${args.join(' ')} on ${this.name} ended with ${status}: ${stderr.trim() || stdout.trim()}`,
    });
  }

  /** Starts a role with its configuration, and waits until it says that it is ready. */
  async start(role: RoleCommand, config: Readonly<Record<string, unknown>>): Promise<RoleProcess> {
    const configFile = join(this.folder, `${role}.json`);
    await writeFile(configFile, JSON.stringify(config));
    return this.#start(role, configFile);
  }

  /** Ends a role and starts it again as it was. */
  async restart(role: RoleCommand): Promise<RoleProcess> {
    await this.process(role).end();
    return this.#start(role, join(this.folder, `${role}.json`));
  }

  process(role: RoleCommand): RoleProcess {
    const found = this.#processes.get(role);
    if (!found) throw new HoldfastError('lab.impossible', { message: `No ${role} runs on ${this.name}.` });
    return found;
  }

  async #start(role: RoleCommand, configFile: string): Promise<RoleProcess> {
    const [program = 'holdfast', ...first] = this.program;
    const child = this.namespace.spawn(program, [...first, role, '--data', this.dataOf(role), '--config', configFile]);
    const started = new RoleProcess({
      child,
      name: `${role} on ${this.name}`,
      logFile: join(this.folder, `${role}.log`),
    });
    this.#processes.set(role, started);
    await started.ready;
    return started;
  }

  /** The data directory of a role. */
  dataOf(role: RoleCommand): string {
    return join(this.folder, role);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of [...this.#processes.values()].reverse()) await started.end();
    this.namespace[Symbol.dispose]();
  }
}
