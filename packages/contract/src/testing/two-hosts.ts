import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Attempt {
  /** Address of the end that connects. */
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly transport?: 'udp';
  /** What the firewall should do with it. */
  readonly passes: boolean;
}

export interface Services {
  readonly ports: readonly number[];
  /** With a DNS port over UDP, which answers from the address that was asked. */
  readonly addresses: readonly string[];
}

const program = join(import.meta.dirname, 'traffic-worker.ts');
/** No command here takes longer, however busy the machine. */
const commandLimitMs = 120_000;

/** The host `store-1` of the sample plan, on a wire with everybody else it could meet. */
const addresses = {
  host: ['10.2.0.11/8', '2001:db8:2::11/32'],
  others: [
    ...['10.1.0.10/8', '10.1.0.53/8', '10.3.0.21/8', '10.9.0.5/8', '10.77.0.7/8'],
    ...['2001:db8:1::10/32', '2001:db8:1::53/32', '2001:db8:3::22/32', '2001:db8:9::5/32', '2001:db8:77::7/32'],
  ],
};
const ports = [22, 53, 54, 443, 2499, 2500, 3300, 3301, 6162];

/** What the sample plan allows `store-1`, and what comes close to it. */
const incoming: readonly Attempt[] = [
  ...attempts(true, ['10.1.0.10', '10.3.0.21'], '10.2.0.11', [6162]),
  ...attempts(true, ['2001:db8:1::10', '2001:db8:3::22'], '2001:db8:2::11', [6162]),
  ...attempts(true, ['10.9.0.5'], '10.2.0.11', [22]),
  ...attempts(true, ['2001:db8:9::5'], '2001:db8:2::11', [22]),
  ...attempts(false, ['10.77.0.7'], '10.2.0.11', ports),
  ...attempts(false, ['2001:db8:77::7'], '2001:db8:2::11', ports),
  ...attempts(false, ['10.3.0.21'], '10.2.0.11', [22, 443, 2499, 3301]),
  ...attempts(false, ['2001:db8:9::5'], '2001:db8:2::11', [6162]),
];
const data: readonly Omit<Attempt, 'passes'>[] = [
  ...attempts(true, ['10.3.0.21'], '10.2.0.11', [2500, 3300]),
  ...attempts(true, ['2001:db8:3::22'], '2001:db8:2::11', [2500, 3300]),
];
const outgoing: readonly Attempt[] = [
  ...attempts(true, ['10.2.0.11'], '10.1.0.53', [53]),
  ...attempts(true, ['2001:db8:2::11'], '2001:db8:1::53', [53]),
  ...attempts(true, ['10.2.0.11'], '10.77.0.7', [443]),
  ...attempts(true, ['2001:db8:2::11'], '2001:db8:77::7', [443]),
  ...attempts(false, ['10.2.0.11'], '10.1.0.53', [54, 6162]),
  ...attempts(false, ['2001:db8:2::11'], '2001:db8:1::53', [54, 6162]),
  { from: '10.2.0.11', to: '10.1.0.53', port: 53, transport: 'udp', passes: true },
  { from: '2001:db8:2::11', to: '2001:db8:1::53', port: 53, transport: 'udp', passes: true },
  { from: '10.2.0.11', to: '10.1.0.10', port: 53, transport: 'udp', passes: false },
  { from: '2001:db8:2::11', to: '2001:db8:1::10', port: 53, transport: 'udp', passes: false },
];

function attempts(passes: boolean, from: readonly string[], to: string, on: readonly number[]): readonly Attempt[] {
  return from.flatMap((address) => on.map((port) => ({ from: address, to, port, passes })));
}

/** A network namespace that ends with this process; its mounts are its own too. */
class Namespace {
  readonly #keeper: ChildProcessWithoutNullStreams;

  constructor(keeper: ChildProcessWithoutNullStreams) {
    this.#keeper = keeper;
  }

  static async create(context: TestLife): Promise<Namespace> {
    const keeper = spawn('unshare', ['--net', '--mount', 'sh', '-c', 'echo ready; exec cat']);
    context.after(() => keeper.kill());
    await started(keeper);
    return new Namespace(keeper);
  }

  /** The command that runs another one in here. */
  get enter(): readonly [string, ...string[]] {
    return ['nsenter', '--net', '--mount', '--target', `${this.#keeper.pid}`];
  }

  get pid(): string {
    return `${this.#keeper.pid}`;
  }
}

interface TestLife {
  after(end: () => void): void;
}

/** The host of a firewall under test, and one that plays everybody else, joined by a wire. Both end with the test. */
export class TwoHosts {
  readonly #host: Namespace;
  readonly #others: Namespace;

  private constructor(host: Namespace, others: Namespace) {
    this.#host = host;
    this.#others = others;
  }

  static async start(context: TestLife): Promise<TwoHosts> {
    const host = await Namespace.create(context);
    const others = await Namespace.create(context);
    const hosts = new TwoHosts(host, others);
    command(['ip', 'link', 'add', 'wire', 'netns', host.pid, 'type', 'veth', 'peer', 'wire', 'netns', others.pid]);
    for (const [namespace, own] of [[host, addresses.host] as const, [others, addresses.others] as const]) {
      const inside = (line: string): string => command([...namespace.enter, 'ip', ...line.split(' ')]);
      inside('link set lo up');
      inside('link set wire up');
      for (const address of own) inside(`address add ${address} dev wire${address.includes(':') ? ' nodad' : ''}`);
      const services: Services = { ports, addresses: own.map((address) => address.replace(/\/.*/, '')) };
      const service = spawn(namespace.enter[0], [
        ...namespace.enter.slice(1),
        process.execPath,
        program,
        'listen',
        JSON.stringify(services),
      ]);
      context.after(() => service.kill());
      service.stderr.pipe(process.stderr);
      await started(service);
    }
    return hosts;
  }

  /** Runs a program on the host; fails the test if that fails. Gives its output. */
  run(program: string, args: readonly string[] = [], input = ''): string {
    return command([...this.#host.enter, program, ...args], input);
  }

  /** Starts a program on the host that ends with the test. */
  startProgram(context: TestLife, program: string, args: readonly string[]): void {
    const [file, ...enter] = this.#host.enter;
    const child = spawn(file, [...enter, program, ...args], { stdio: 'ignore' });
    context.after(() => child.kill());
  }

  /** What programs on the host write to /etc and /run is for them alone, and gone after the test. */
  coverEtc(folder: string): void {
    const mounts = [
      `mount -t tmpfs tmpfs '${folder}'`,
      `mkdir '${folder}/upper' '${folder}/work'`,
      `mount -t overlay -o lowerdir=/etc,upperdir='${folder}/upper',workdir='${folder}/work' overlay /etc`,
      'mount -t tmpfs tmpfs /run',
    ];
    this.run('sh', ['-e'], mounts.join('\n'));
  }

  /** What is allowed passes, and nothing else. */
  assertTraffic(expected: { readonly data: boolean }): void {
    const dataAttempts = data.map((one) => ({ ...one, passes: expected.data }));
    this.#assertAnswers(this.#others, [...incoming, ...dataAttempts]);
    this.#assertAnswers(this.#host, outgoing);
  }

  /** Everything passes. */
  assertOpen(): void {
    this.#assertAnswers(
      this.#others,
      [...incoming, ...data].map((one) => ({ ...one, passes: true })),
    );
    this.#assertAnswers(
      this.#host,
      outgoing.map((one) => ({ ...one, passes: true })),
    );
  }

  assertIncoming(tried: readonly Attempt[]): void {
    this.#assertAnswers(this.#others, tried);
  }

  #assertAnswers(from: Namespace, tried: readonly Attempt[]): void {
    const answers = JSON.parse(
      command([...from.enter, process.execPath, program, 'try', JSON.stringify(tried)]),
    ) as boolean[];
    assert.equal(answers.length, tried.length);
    const wrong = tried.filter(({ passes }, index) => passes !== answers[index]);
    assert.deepEqual(wrong, [], 'these should have passed, or should not have');
  }
}

/** Waits for the first output; fails if the process ends instead. */
async function started(child: ChildProcessWithoutNullStreams): Promise<void> {
  await once(child.stdout, 'readable');
  assert.notEqual(child.stdout.read(), null, 'the process ended before it was ready');
}

function command([file = '', ...args]: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', input, timeout: commandLimitMs });
  assert.equal(status, 0, `${file} ${args.join(' ').slice(0, 300)}: ${stderr}${error?.message ?? ''}`);
  return stdout;
}
