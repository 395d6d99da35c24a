import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Lab, type LabHost, type LabProcess } from './lab.ts';

/** A run as the command line reports it; only what tests look at. */
export interface RunReport {
  readonly id: string;
  readonly state: string;
  readonly carrier?: string;
  readonly result?: { readonly snapshotId: string };
  readonly error?: { readonly code: string; readonly message: string; readonly guidance: string };
  readonly degradations: readonly {
    readonly channel: string;
    readonly usedInstead: string;
    readonly reason: { readonly message: string };
  }[];
}

interface Use {
  readonly channel: string;
  readonly ports: readonly number[];
  readonly connectionsIn: number;
  readonly connectionsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * Three computers, each with what would run there: a backup server, a store with a mover in front of a disk, and a protected
 * computer with an agent and a mover of its own. They join as an administrator would make them, with the command line.
 */
export class Fleet {
  readonly lab: Lab;
  readonly server: LabHost;
  readonly store: LabHost;
  readonly computer: LabHost;
  readonly processes: Readonly<Record<'server' | 'storeMover' | 'computerMover' | 'agent', LabProcess>>;

  private constructor(options: Pick<Fleet, 'lab' | 'server' | 'store' | 'computer' | 'processes'>) {
    this.lab = options.lab;
    this.server = options.server;
    this.store = options.store;
    this.computer = options.computer;
    this.processes = options.processes;
  }

  static async open(t: TestContext): Promise<Fleet> {
    const lab = await Lab.open(t);
    const [server, store, computer] = [await lab.host('server'), await lab.host('store'), await lab.host('computer')];
    const serverProcess = await server.role('server', { bind: server.address });
    joinComputer(server, store, 'mover');
    joinComputer(server, computer, 'mover');
    joinComputer(server, computer, 'agent');
    const [storeMover, computerMover] = await Promise.all([startMover(store), startMover(computer)]);
    const agent = await computer.role('agent', {
      bind: computer.address,
      moverSocket: join(computer.folder, 'm.sock'),
    });
    const fleet = new Fleet({
      lab,
      server,
      store,
      computer,
      processes: { server: serverProcess, storeMover, computerMover, agent },
    });
    await fleet.#online(3);
    return fleet;
  }

  /** A mover beside the server, on its computer. */
  async addMoverOfServer(): Promise<void> {
    joinComputer(this.server, this.server, 'mover');
    await startMover(this.server);
    await this.#online(4);
  }

  /** `holdfast …` on the server's computer, as its administrator. */
  command(args: readonly string[], status = 0): string {
    return this.server.holdfast([...args, ...adminOptions(this.server)], { status });
  }

  json<Form>(args: readonly string[], status = 0): Form {
    const output = this.command([...args, '--json'], status);
    try {
      return JSON.parse(output) as Form;
    } catch (error) {
      throw new Error(`${args.join(' ')} printed no JSON:\n${output}`, { cause: error });
    }
  }

  /** A repository on the store and a job that backs up a folder of the computer. */
  prepare(options: {
    readonly source: string;
    readonly direction?: 'agent-dials' | 'mover-dials';
    readonly store?: LabHost;
  }): {
    readonly job: string;
    readonly repository: string;
  } {
    const { agent, mover } = this.ids(options.store ?? this.store);
    const repository = 'default';
    if (!this.command(['repo', 'list']).includes(repository))
      this.command(['repo', 'create', repository, '--mover', mover]);
    const name = `job-${options.direction ?? 'agent-dials'}`;
    this.command([
      'job',
      'create',
      name,
      options.source,
      '--agent',
      agent,
      '--repository',
      repository,
      '--direction',
      options.direction ?? 'agent-dials',
    ]);
    return { job: name, repository };
  }

  /** Runs a job to its end; the report, whatever became of it. */
  run(job: string, status = 0): RunReport {
    const id = this.command(['job', 'run', job, '--detach']).trim().split(/\s+/).at(-1) ?? '';
    this.command(['run', 'show', id, '--follow'], status);
    return this.json<{ run: RunReport }>(['run', 'show', id]).run;
  }

  ids(store: LabHost): { readonly agent: string; readonly mover: string } {
    const { computers } = this.json<{ computers: { id: string; role: string; address: string }[] }>([
      'computers',
      'list',
    ]);
    const id = (role: string, host: LabHost): string =>
      computers.find((computer) => computer.role === role && computer.address === host.address)?.id ?? '';
    return { agent: id('agent', this.computer), mover: id('mover', store) };
  }

  /** How much a channel was used, summed over all processes of the fleet. */
  use(channel: string): Use {
    const { processes } = this.json<{ processes: { channels: Use[] }[] }>(['channel-use']);
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

  async #online(count: number): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { computers } = this.json<{ computers: { state: string }[] }>(['computers', 'list']);
      if (computers.filter(({ state }) => state === 'online').length === count) return;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`not all of the fleet came online:\n${this.command(['computers', 'list'])}`);
  }
}

function adminOptions(server: LabHost): string[] {
  const data = join(server.folder, 'server');
  return ['--server', server.address, '--token-file', join(data, 'admin-token'), '--cacert', join(data, 'ca.pem')];
}

function startMover(host: LabHost): Promise<LabProcess> {
  return host.role('mover', {
    bind: host.address,
    storageRoot: join(host.folder, 'repositories'),
    localSocket: join(host.folder, 'm.sock'),
  });
}

/** Makes a token on the server and joins a computer with it. */
function joinComputer(server: LabHost, host: LabHost, role: 'agent' | 'mover'): void {
  const made = JSON.parse(server.holdfast(['token', 'create', '--role', role, '--json', ...adminOptions(server)])) as {
    token: string;
    caFingerprint: string;
  };
  host.holdfast(
    [
      'enroll',
      '--role',
      role,
      '--server',
      server.address,
      '--ca-fingerprint',
      made.caFingerprint,
      '--token-file',
      '-',
      '--data',
      join(host.folder, role),
    ],
    { input: made.token },
  );
}

/** A folder with a few megabytes that compress badly, and some names and links. */
export function makeSource(host: LabHost, sizeBytes = 8 * 1024 * 1024): string {
  const source = join(host.folder, 'source');
  mkdirSync(join(source, 'inner'), { recursive: true });
  let state = 1;
  const bytes = Buffer.alloc(sizeBytes);
  for (let index = 0; index + 4 <= sizeBytes; index += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes.writeInt32LE(state ^ (state >>> 15), index);
  }
  writeFileSync(join(source, 'big'), bytes);
  for (let number = 0; number < 50; number++)
    writeFileSync(join(source, 'inner', `file-${number}`), `content ${number}\n`);
  return source;
}
