import { addressRange } from './address-range.ts';
import type { BaseChain, Packet, PortEdge, Rule, Step, Table, TableDraft, Truth, Verdict } from './ruleset.ts';

/** Where tables of iptables stand among those of nft. */
const priorities: Readonly<Record<string, number>> = { raw: -300, mangle: -150, filter: 0, security: 50 };
const directions: Readonly<Record<string, BaseChain['direction']>> = {
  PREROUTING: 'in',
  INPUT: 'in',
  OUTPUT: 'out',
  POSTROUTING: 'out',
};

type Test = (packet: Packet) => Truth;

/** Reads what `iptables-save -c` or `ip6tables-save -c` prints. The table `nat` decides about no packet and is left out. */
export function readIptables(output: string, family: Packet['family']): readonly Table[] {
  const tables: TableDraft[] = [];
  for (const line of linesOf(output)) {
    const table = tables.at(-1);
    if (line.startsWith('*'))
      tables.push(newTable(`${family === 'ipv4' ? 'ip' : 'ip6'} ${line.slice(1).trim()}`, family));
    else if (table && line.startsWith(':')) addChain(table, line);
    else if (table && /^(\[\d+:\d+\] )?-A /.test(line)) addRule(table, line);
  }
  return tables.filter(({ name }) => !name.endsWith(' nat'));
}

/** A comment may have line ends in it, which are printed as they are: within quotes they end nothing. */
function linesOf(output: string): readonly string[] {
  return [...output.matchAll(/(?:"(?:[^"\\]|\\[^])*"|[^\n])+/g)].map(([line]) => line);
}

function newTable(name: string, family: Packet['family']): TableDraft {
  return { name, families: [family], chains: new Map(), bases: [], sets: new Set(), ports: [], addresses: [] };
}

/** `:INPUT DROP [0:0]`; chains of the administrator's have `-` for a policy. */
function addChain(table: TableDraft, line: string): void {
  const [name = '', policy] = line.slice(1).split(' ');
  const rules: Rule[] = [];
  table.chains.set(name, rules);
  const direction = Object.hasOwn(directions, name) ? directions[name] : undefined;
  if (!direction || policy === '-') return;
  table.bases.push({
    place: `table ${table.name}, chain ${name}, policy`,
    direction,
    priority: priorities[table.name.split(' ')[1] ?? ''] ?? 0,
    policy: policy === 'DROP' ? 'drop' : 'accept',
    rules,
  });
}

function addRule(table: TableDraft, line: string): void {
  const [, packets] = /^\[(\d+):\d+\] /.exec(line) ?? [];
  const words = wordsOf(line.replace(/^\[\d+:\d+\] /, ''));
  const chain = words[1] ?? '';
  const rules = table.chains.get(chain);
  if (!rules) return;
  const { steps, comment } = new RuleWords(words.slice(2), table).read();
  rules.push({
    place: `table ${table.name}, chain ${chain}, rule ${rules.length + 1}`,
    ...(comment === undefined ? {} : { comment }),
    ...(packets === undefined ? {} : { packets: Number(packets) }),
    steps,
  });
}

/** Words as a shell would see them: iptables-save quotes with `"` and escapes with a backslash. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  );
}

const unknown: Test = () => undefined;
/** Targets that let a packet go on. */
const passing: ReadonlySet<string> = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'AUDIT',
  'TRACE',
  'CT',
  'NOTRACK',
  'MARK',
  'CONNMARK',
  'TCPMSS',
  'DSCP',
  'TOS',
  'CHECKSUM',
]);
/** Modules that only bring options that are read here, or that say nothing about what matches. */
const transparent: ReadonlySet<string> = new Set([
  'tcp',
  'udp',
  'multiport',
  'comment',
  'conntrack',
  'state',
  'addrtype',
  'icmp',
  'icmp6',
]);

/** Modules about headers that the first packet of a connection has not got. */
const absent: ReadonlySet<string> = new Set(['rt', 'frag', 'mh', 'hbh', 'dst', 'ah', 'esp', 'sctp', 'dccp']);

/** One rule, word by word. */
class RuleWords {
  readonly #words: readonly string[];
  readonly #table: TableDraft;
  readonly #steps: Step[] = [];
  #comment: string | undefined;

  constructor(words: readonly string[], table: TableDraft) {
    this.#words = words;
    this.#table = table;
  }

  read(): { readonly steps: readonly Step[]; readonly comment: string | undefined } {
    let verdict: Verdict | 'unknown' | undefined;
    for (let at = 0; at < this.#words.length; at += 1) {
      const isNegated = this.#words[at] === '!';
      if (isNegated) at += 1;
      const option = this.#words[at] ?? '';
      const value = this.#words[at + 1] ?? '';
      if (option === '-j' || option === '-g') {
        verdict = this.#target(option, value);
        // What follows are options of the target.
        break;
      }
      const taken = this.#match(option, value);
      if (taken.test) this.#add(taken.test, isNegated);
      at += taken.words;
    }
    if (verdict === 'unknown') this.#steps.push({ kind: 'map', find: () => 'unknown' });
    else if (verdict) this.#steps.push({ kind: 'verdict', verdict });
    return { steps: this.#steps, comment: this.#comment };
  }

  #add(test: Test, isNegated: boolean): void {
    const holds: Test = (packet) => {
      const truth = test(packet);
      return truth === undefined || !isNegated ? truth : !truth;
    };
    this.#steps.push({ kind: 'test', holds });
  }

  /** The test of an option, and how many words its values take. */
  #match(option: string, value: string): { readonly test?: Test; readonly words: number } {
    switch (option) {
      case '-p':
        return { test: protocolTest(value), words: 1 };
      case '-s':
        return { test: this.#addressTest(value, 'source'), words: 1 };
      case '-d':
        return { test: this.#addressTest(value, 'destination'), words: 1 };
      case '-i':
        return { test: deviceTest(value, 'in'), words: 1 };
      case '-o':
        return { test: deviceTest(value, 'out'), words: 1 };
      case '--dport':
      case '--dports':
      case '--ports':
        return { test: this.#portTest(value), words: 1 };
      case '--ctstate':
      case '--state':
        return { test: () => value.split(',').includes('NEW'), words: 1 };
      case '--dst-type':
        return { test: ({ direction }) => value === (direction === 'in' ? 'LOCAL' : 'UNICAST'), words: 1 };
      case '--src-type':
        return { test: ({ direction }) => value === (direction === 'in' ? 'UNICAST' : 'LOCAL'), words: 1 };
      case '--icmp-type':
      case '--icmpv6-type':
        return { test: () => false, words: 1 };
      case '--comment':
        this.#comment = value;
        return { words: 1 };
      case '-m':
        if (absent.has(value)) return { test: () => false, words: 1 };
        return transparent.has(value) ? { words: 1 } : { test: unknown, words: 1 };
      case '--syn':
        return { test: ({ transport }) => transport === 'tcp', words: 0 };
      default:
        // An option of a module that isn't read here, which is unknown as a whole; or one like --tcp-flags.
        return { test: unknown, words: 0 };
    }
  }

  #target(option: string, target: string): Verdict | 'unknown' | undefined {
    if (target === 'ACCEPT') return { kind: 'accept' };
    if (target === 'DROP' || target === 'REJECT') return { kind: 'drop' };
    if (target === 'RETURN') return { kind: 'return' };
    if (passing.has(target)) return undefined;
    if (this.#table.chains.has(target)) return { kind: option === '-g' ? 'goto' : 'jump', chain: target };
    return 'unknown';
  }

  #addressTest(value: string, end: 'source' | 'destination'): Test {
    const range = addressRange(value);
    if (!range) return unknown;
    this.#table.addresses.push(range);
    return (packet) => range.first <= packet[end] && packet[end] <= range.last;
  }

  #portTest(value: string): Test {
    const ranges = value.split(',').map((one): PortEdge => {
      const [from = Number.NaN, to = from] = one.split(':').map(Number);
      return { from, to };
    });
    if (ranges.some(({ from, to }) => !Number.isInteger(from) || !Number.isInteger(to))) return unknown;
    this.#table.ports.push(...ranges);
    return ({ port }) => ranges.some(({ from, to }) => from <= port && port <= to);
  }
}

const protocolNames: ReadonlyMap<string, string> = new Map([
  ['6', 'tcp'],
  ['17', 'udp'],
]);

function protocolTest(value: string): Test {
  if (value === 'all' || value === '0') return () => true;
  const wanted = protocolNames.get(value) ?? value;
  return ({ transport }) => transport === wanted;
}

/** `eth+` is every interface whose name begins so. */
function deviceTest(value: string, direction: Packet['direction']): Test {
  const stem = value.endsWith('+') ? value.slice(0, -1) : undefined;
  return (packet) => {
    if (packet.direction !== direction) return false;
    const { device } = packet;
    if (device === undefined) return value === 'lo' ? false : undefined;
    return stem === undefined ? device === value : device.startsWith(stem);
  };
}
