import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { LabNetwork } from '@holdfast/lab';

/** Packets between the same ends; of a connection those that open it apart from all others. */
export interface Packet {
  /** `tcp`, `udp`, or the layers as tshark names them: `sll:ethertype:arp`. */
  readonly protocol: string;
  /** Addresses; empty without an IP header. */
  readonly from: string;
  readonly to: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  /** Of ICMPv6. */
  readonly type?: number;
  /** It asks for a connection: SYN without ACK. */
  readonly opens: boolean;
}

const fields = [
  ...['frame.protocols', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst'],
  ...['tcp.srcport', 'tcp.dstport', 'udp.srcport', 'udp.dstport', 'tcp.flags', 'icmpv6.type'],
];
const synOnly = 0x02;
const synAndAck = 0x12;

/** Headers, with the longest options: neither what is inside TLS nor much of a disk. */
const snapBytes = 160;
/** In the kernel, for when nobody comes to read: half a minute of all that a lab sends. */
const bufferMebibytes = 64;
const own = '127.0.0.1';
const lookMs = 200;
const limitMs = 120_000;

/** Everything that passes the router of a lab, on each link, as tshark reads it. */
export class Capture implements AsyncDisposable {
  readonly #router: LabNetwork['router'];
  readonly #tshark: ChildProcess;
  readonly #lines = new Set<string>();
  readonly #markers = new Set<number>();
  #lastMarker = 0;
  #said = '';

  private constructor(router: LabNetwork['router']) {
    this.#router = router;
    const options = ['-n', '-l', '-i', 'any', '-s', `${snapBytes}`, '-B', `${bufferMebibytes}`];
    // What is in the data of known ports is not looked at.
    const plain = ['tls', 'http', 'dns', 'data'].flatMap((protocol) => ['--disable-protocol', protocol]);
    const output = ['-T', 'fields', '-E', 'occurrence=f', ...fields.flatMap((field) => ['-e', field])];
    this.#tshark = router.spawn('tshark', [...options, ...plain, ...output]);
    this.#tshark.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
    if (!this.#tshark.stdout) throw new Error('tshark has no output');
    createInterface({ input: this.#tshark.stdout }).on('line', (line) => this.#take(line));
  }

  /** Sees all that passes after this. */
  static async start({ router }: LabNetwork): Promise<Capture> {
    const capture = new Capture(router);
    await capture.#mark();
    return capture;
  }

  /** What has passed since the last call, or the start. */
  async take(): Promise<readonly Packet[]> {
    await this.#mark();
    const packets = [...this.#lines].map(parse);
    this.#lines.clear();
    return packets;
  }

  /** Ends it; throws when something was missed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#tshark.exitCode === null && this.#tshark.signalCode === null) {
      this.#tshark.kill('SIGINT');
      await once(this.#tshark, 'exit');
    }
    if (/[1-9]\d* packets? dropped/.test(this.#said)) throw new Error(`tshark missed packets: ${this.#said}`);
  }

  /** Sends the router something from itself, and waits until that is seen: so is all that came before. */
  async #mark(): Promise<void> {
    const marker = ++this.#lastMarker;
    for (const end = performance.now() + limitMs; !this.#markers.has(marker); ) {
      if (this.#tshark.exitCode !== null || performance.now() > end)
        throw new Error(`tshark does not see what it should: ${this.#said}`);
      await this.#router.run('bash', ['-c', `echo > /dev/udp/${own}/${marker}`]);
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  #take(line: string): void {
    const { from, toPort = 0 } = parse(line);
    if (from === own) this.#markers.add(toPort);
    else this.#lines.add(line);
  }
}

function parse(line: string): Packet {
  const [layers = '', from4 = '', to4 = '', from6 = '', to6 = '', ...rest] = line.split('\t');
  const [tcpFrom = '', tcpTo = '', udpFrom = '', udpTo = '', flags = '', type = ''] = rest;
  const protocol = tcpFrom === '' ? (udpFrom === '' ? layers : 'udp') : 'tcp';
  return {
    protocol,
    from: from4 || from6,
    to: to4 || to6,
    ...(tcpFrom === '' ? {} : { fromPort: Number(tcpFrom), toPort: Number(tcpTo) }),
    ...(udpFrom === '' ? {} : { fromPort: Number(udpFrom), toPort: Number(udpTo) }),
    ...(type === '' ? {} : { type: Number(type) }),
    opens: (Number(flags) & synAndAck) === synOnly,
  };
}
