import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import type { LabHost, RoleCommand } from './host.ts';
import { maxPresenceLooks, presenceLookMs } from './limits.ts';
import type { RunOptions } from './namespace.ts';
import type { LabNetwork } from './network.ts';

/** A run as `run show --json` tells it; only what a proof looks at. */
export interface RunReport {
  readonly id: string;
  readonly state: string;
  readonly carrier?: string;
  readonly result?: { readonly snapshotId: string; readonly durationMs: number };
  readonly error?: { readonly code: string; readonly message: string; readonly guidance: string };
  readonly degradations: readonly {
    readonly channel: string;
    readonly usedInstead: string;
    readonly reason: { readonly message: string };
  }[];
}

interface KnownComputer {
  readonly id: string;
  readonly role: string;
  readonly hostname: string;
  readonly state: string;
}

/** One computer of the fleet with what Holdfast runs on it. */
export interface FleetMember {
  readonly host: LabHost;
  readonly planned: PlannedHost;
  readonly commands: readonly RoleCommand[];
}

/**
 * The computers of a plan with their roles running, joined as an administrator joins them, with the command line: what a
 * scenario works with.
 */
export class Fleet {
  readonly network: LabNetwork;
  readonly server: FleetMember;
  readonly members: readonly FleetMember[];
  /** Computers that the server may dial; the others call in. */
  readonly #dialled: ReadonlySet<string>;
  /** How many agents and movers the server can see. */
  readonly #awaited: number;
  #computers: readonly KnownComputer[] = [];

  private constructor(
    o: Pick<Fleet, 'network' | 'server' | 'members'> & { dialled: ReadonlySet<string>; awaited: number },
  ) {
    this.network = o.network;
    this.server = o.server;
    this.members = o.members;
    this.#dialled = o.dialled;
    this.#awaited = o.awaited;
  }

  /**
   * Starts every role of the plan's computers; each of them is a host of the network under the same name.
   * @throws `lab.impossible` for a plan without exactly one backup server, and when something does not start or join.
   */
  static async start(network: LabNetwork, plan: Plan, signal?: AbortSignal): Promise<Fleet> {
    const members = plan.hosts
      .filter(({ managed }) => managed)
      .map((planned) => ({ host: network.host(planned.name), planned, commands: commandsOf(planned) }));
    const [server, another] = members.filter(({ commands }) => commands.includes('server'));
    if (!server || another)
      throw new HoldfastError('lab.impossible', {
        message: `A lab takes one backup server; the topology has ${server ? 'more' : 'none'}.`,
      });
    const agents = members.filter(({ commands }) => commands.includes('agent'));
    // A mover counts as online when the server has reached it, which it can't everywhere.
    const dialled = plan.flows.filter(({ channels }) => channels.includes('server-to-mover'));
    const movers = new Set(dialled.flatMap(({ to }) => to.map(({ name }) => name)));
    if (server.commands.includes('mover')) movers.add(server.host.name);
    const fleet = new Fleet({ network, server, members, dialled: movers, awaited: agents.length + movers.size });
    await server.host.start('server', { bind: server.host.address });
    for (const member of members) {
      signal?.throwIfAborted();
      await fleet.#join(member);
    }
    await fleet.allOnline();
    return fleet;
  }

  /** `holdfast …` on the server's own computer, as its administrator: no firewall is in the way. */
  command(args: readonly string[], options?: RunOptions): Promise<string> {
    return this.server.host.succeed([...args, ...this.#access()], options);
  }

  async json<Form>(args: readonly string[], options?: RunOptions): Promise<Form> {
    return JSON.parse(await this.command([...args, '--json'], options)) as Form;
  }

  /** What a computer needs to reach the server, by its address or at another place, as its administrator; files that it can read. */
  async accessFor(host: LabHost, place?: string): Promise<readonly string[]> {
    const folder = join(host.folder, 'access');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const data = this.server.host.dataOf('server');
    for (const name of ['admin-token', 'ca.pem']) {
      const { stdout } = await this.server.host.namespace.run('cat', [join(data, name)]);
      await writeFile(join(folder, name), stdout, { mode: 0o600 });
    }
    return this.#access(folder, place);
  }

  /** The id under which the server knows a role of a computer. */
  computerId(member: FleetMember, role: 'agent' | 'mover'): string {
    const found = this.#computers.find((one) => one.role === role && one.hostname === member.host.name);
    if (!found)
      throw new HoldfastError('lab.impossible', { message: `The server knows no ${role} on ${member.host.name}.` });
    return found.id;
  }

  /** Runs a job to its end; what became of it. */
  run(job: string, options?: RunOptions): Promise<RunReport> {
    return this.runOf(['job', 'run', job], options);
  }

  /** Runs a command that starts a run and waits for its end; what became of it. */
  async runOf(args: readonly string[], options?: RunOptions): Promise<RunReport> {
    // Its status tells of the run; whether the command itself worked shows in what it printed.
    const { stdout, stderr } = await this.server.host.holdfast([...args, '--json', ...this.#access()], options);
    if (stdout === '')
      throw new HoldfastError('lab.impossible', { message: `holdfast ${args.join(' ')} failed: ${stderr.trim()}` });
    return (JSON.parse(stdout) as { run: RunReport }).run;
  }

  /** A token for one computer to join with, at the server's address or another place, and the arguments of `enroll` with it. */
  async invitation(
    member: FleetMember,
    role: 'agent' | 'mover',
    place = this.server.host.address,
  ): Promise<{ readonly token: string; readonly args: readonly string[] }> {
    const { token, caFingerprint } = await this.json<{ token: string; caFingerprint: string }>([
      ...['token', 'create', '--role', role],
      ...(this.#dialled.has(member.host.name) ? [] : ['--preinstalled']),
    ]);
    return {
      token,
      args: ['enroll', '--role', role, '--server', place, '--ca-fingerprint', caFingerprint, '--token-file', '-'],
    };
  }

  /** Waits until the server sees every agent, and every mover that it may dial. */
  async allOnline(): Promise<void> {
    for (let look = 0; look < maxPresenceLooks; look++) {
      const { computers } = await this.json<{ computers: KnownComputer[] }>(['computers', 'list']);
      // What scenarios made join and revoked is no part of the fleet.
      this.#computers = computers.filter(({ state }) => state === 'online');
      if (this.#computers.length >= this.#awaited) return;
      await new Promise((resolve) => setTimeout(resolve, presenceLookMs));
    }
    const list = this.#computers.map(({ role, hostname }) => `${role} on ${hostname}`).join(', ');
    throw new HoldfastError('lab.impossible', { message: `Not all of the fleet came online, only: ${list}.` });
  }

  async #join(member: FleetMember): Promise<void> {
    const { host } = member;
    const socket = join(host.folder, 'm.sock');
    for (const role of member.commands) {
      if (role === 'server') continue;
      const { token, args } = await this.invitation(member, role);
      await host.succeed([...args, '--data', host.dataOf(role)], { input: token });
      await host.start(
        role,
        role === 'mover'
          ? { bind: host.address, storageRoot: join(host.folder, 'repositories'), localSocket: socket }
          : { bind: host.address, moverSocket: socket },
      );
    }
  }

  #access(folder = this.server.host.dataOf('server'), place = this.server.host.address): readonly string[] {
    return ['--server', place, '--token-file', join(folder, 'admin-token'), '--cacert', join(folder, 'ca.pem')];
  }
}

/** Whether something runs on the computer in a lab, or somebody works at it. */
export function takesPart(planned: PlannedHost): boolean {
  return planned.managed && (commandsOf(planned).length > 0 || planned.roles.includes('client'));
}

/** What runs on a computer with these roles; every computer that stores or is protected has a mover. */
function commandsOf({ roles }: PlannedHost): readonly RoleCommand[] {
  const has = (test: RegExp): boolean => roles.some((role) => test.test(role));
  const isAgent = has(/^agent-(linux|unix|macos)$/);
  return [
    ...(has(/^backup-server$/) ? (['server'] as const) : []),
    ...(isAgent || has(/^(data-mover|repository|gateway)/) ? (['mover'] as const) : []),
    ...(isAgent ? (['agent'] as const) : []),
  ];
}
