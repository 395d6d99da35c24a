import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { temporaryFolder } from '@holdfast/core/testing';
import { Fleet, type LabHost, LabNetwork, type RunReport } from '@holdfast/lab';
import { holdfastProgram } from './lab-needs.ts';

/** What is new in each source. */
export const sourceBytes = 8 * 1024 * 1024;

/** How much a channel was used. */
interface Use {
  readonly channel: string;
  readonly ports: readonly number[];
  readonly connectionsIn: number;
  readonly connectionsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const topology = `name: three-computers
zones:
  lab: { addresses: [10.77.0.0/24] }
hosts:
  server: { zone: lab, addresses: [10.77.0.1], roles: [backup-server, data-mover] }
  store: { zone: lab, addresses: [10.77.0.2], roles: [repository-linux] }
  computer: { zone: lab, addresses: [10.77.0.3], roles: [agent-linux, data-mover] }
`;

/**
 * Three computers, each with what would run there: a backup server with a mover, a store with a mover in front of a disk, and a
 * protected computer with an agent and a mover of its own. No firewall is in the way, unless a test puts one there.
 */
export class ThreeComputers {
  readonly server: LabHost;
  readonly store: LabHost;
  readonly computer: LabHost;
  readonly #fleet: Fleet;

  private constructor(network: LabNetwork, fleet: Fleet) {
    this.server = network.host('server');
    this.store = network.host('store');
    this.computer = network.host('computer');
    this.#fleet = fleet;
  }

  /** Taken down when the test ends. */
  static async open(t: TestContext): Promise<ThreeComputers> {
    const plan = planTopology(parseTopology(topology));
    const network = LabNetwork.build(plan.hosts, { folder: temporaryFolder(t), program: holdfastProgram });
    t.after(() => network[Symbol.asyncDispose]());
    return new ThreeComputers(network, await Fleet.start(network, plan));
  }

  /** `holdfast …` on the server's computer, as its administrator; what it says. */
  async command(args: readonly string[], status = 0): Promise<string> {
    const { stdout, stderr } = await this.#perform(args, status);
    return status === 0 ? stdout : `${stdout}${stderr}`;
  }

  json<Form>(args: readonly string[]): Promise<Form> {
    return this.#fleet.json(args);
  }

  /** A job that backs up a folder of the computer to a repository on one of the three, which is made when it is not there. */
  async prepare(options: {
    readonly source: string;
    readonly direction?: 'agent-dials' | 'mover-dials';
    readonly store?: LabHost;
  }): Promise<{ readonly job: string; readonly repository: string }> {
    const { source, direction = 'agent-dials', store = this.store } = options;
    const repository = `at-${store.name}`;
    if (!(await this.command(['repo', 'list'])).includes(repository))
      await this.command(['repo', 'create', repository, '--mover', this.id('mover', store)]);
    const job = `to-${store.name}-${direction}`;
    const agent = ['--agent', this.id('agent', this.computer), '--retries', '0'];
    await this.command(['job', 'create', job, source, ...agent, '--repository', repository, '--direction', direction]);
    return { job, repository };
  }

  /** Runs a job to its end; the report, whatever became of it. */
  async run(job: string, status = 0): Promise<RunReport> {
    const { stdout } = await this.#perform(['job', 'run', job, '--json'], status);
    return (JSON.parse(stdout) as { run: RunReport }).run;
  }

  /** The id under which the server knows a role of a computer. */
  id(role: 'agent' | 'mover', host: LabHost): string {
    const member = this.#fleet.members.find((one) => one.host === host);
    if (!member) throw new Error(`${host.name} is none of the three`);
    return this.#fleet.computerId(member, role);
  }

  /** Whether the server sees a role of a computer now. */
  async isOnline(role: 'agent' | 'mover', host: LabHost): Promise<boolean> {
    const { computers } = await this.json<{ computers: { id: string; state: string }[] }>(['computers', 'list']);
    return computers.some(({ id, state }) => id === this.id(role, host) && state === 'online');
  }

  /** How much a channel was used until now, summed over all processes. */
  async use(channel: string): Promise<Use> {
    const { processes } = await this.json<{ processes: { channels: Use[] }[] }>(['channel-use']);
    const all = processes.flatMap(({ channels }) => channels.filter((use) => use.channel === channel));
    const sum = (pick: (use: Use) => number): number => all.reduce((total, use) => total + pick(use), 0);
    return {
      channel,
      ports: [...new Set(all.flatMap(({ ports }) => ports))],
      connectionsIn: sum((use) => use.connectionsIn),
      connectionsOut: sum((use) => use.connectionsOut),
      bytesIn: sum((use) => use.bytesIn),
      bytesOut: sum((use) => use.bytesOut),
    };
  }

  async #perform(args: readonly string[], status: number) {
    const data = this.server.dataOf('server');
    const token = ['--token-file', join(data, 'admin-token'), '--cacert', join(data, 'ca.pem')];
    const ended = await this.server.holdfast([...args, '--server', this.server.address, ...token]);
    if (ended.status === status) return ended;
    throw new Error(`holdfast ${args.join(' ')} ended with ${ended.status}:\n${ended.stdout}\n${ended.stderr}`);
  }
}

/** Replaces the firewall of a computer by rules for what comes in, over loopback too; none removes them. */
export function setFirewall(host: LabHost, rules: readonly string[]): void {
  const lines = rules.map((rule) => `    ${rule}\n`).join('');
  host.namespace.nft(
    `flush ruleset\ntable inet lab {\n  chain input {\n    type filter hook input priority 0;\n${lines}  }\n}\n`,
  );
}

/** A folder of a computer with new megabytes that do not compress, and some small files. */
export function makeSource(host: LabHost): string {
  const source = join(host.folder, 'source');
  mkdirSync(join(source, 'inner'), { recursive: true });
  writeFileSync(join(source, 'big'), randomBytes(sourceBytes));
  for (let number = 0; number < 50; number++)
    writeFileSync(join(source, 'inner', `file-${number}`), `content ${number}\n`);
  return source;
}
