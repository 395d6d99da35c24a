import { isIP, isIPv4 } from 'node:net';

/**
 * A parser of the part of pf.conf that the renderer uses, after the grammar in pf.conf(5) of macOS and FreeBSD:
 *
 *     line      = table | rule
 *     table     = "table" "<" string ">" "const" "{" address { "," address } "}"
 *     rule      = action [ "in" | "out" ] "quick" [ "on" interface ] [ "inet" | "inet6" ] [ "proto" name ] hosts { option }
 *     action    = "pass" | "block" [ "drop" | "return" ]
 *     hosts     = "all" | "from" end "to" end
 *     end       = ( "any" | address | "<" string ">" ) [ "port" ( ports | "{" ports { "," ports } "}" ) ]
 *     ports     = number [ ":" number ]
 *     option    = "flags" set "/" set | ( "icmp-type" | "icmp6-type" ) ( number | "{" number { "," number } "}" )
 *               | ( "keep" | "no" ) "state" | "allow-opts" | "label" quoted
 */
export interface PfRule {
  readonly action: 'pass' | 'block';
  readonly direction?: 'in' | 'out';
  readonly interface?: string;
  readonly family?: 'inet' | 'inet6';
  readonly protocol?: string;
  readonly from: PfEnd;
  readonly to: PfEnd;
  readonly icmpTypes: readonly number[];
  readonly flags?: string;
  readonly keepsState: boolean;
  readonly allowsOptions: boolean;
  readonly label?: string;
}

interface PfEnd {
  /** Tables are replaced by what they contain. */
  readonly addresses: 'any' | readonly string[];
  readonly ports: readonly string[];
}

/** Limits of the kernel: PF_TABLE_NAME_SIZE and PF_RULE_LABEL_SIZE, each with the final zero. */
const tableNameBytes = 32;
const labelBytes = 64;

/** @throws for everything that the grammar does not have, or that pfctl refuses later. */
export function parsePf(text: string): readonly PfRule[] {
  const tables = new Map<string, readonly string[]>();
  const rules: PfRule[] = [];
  for (const line of text.split('\n')) {
    const words = new Words(line);
    if (words.ended) continue;
    if (words.take('table')) readTable(words, tables);
    else rules.push(readRule(words, tables));
    if (!words.ended) words.fail('nothing more');
  }
  return rules;
}

class Words {
  readonly #line: string;
  readonly #words: string[];

  constructor(line: string) {
    this.#line = line;
    let rest = line;
    this.#words = [];
    while ((rest = rest.replace(/^[ \t]+/, '')) !== '' && !rest.startsWith('#')) {
      const word = /^(?:"[^"\\$]*"|[{}<>,]|[A-Za-z0-9_.:/-]+)/.exec(rest)?.[0];
      if (word === undefined) throw new SyntaxError(`unexpected ${JSON.stringify(rest)} in: ${line}`);
      this.#words.push(word);
      rest = rest.slice(word.length);
    }
  }

  get ended(): boolean {
    return this.#words.length === 0;
  }

  /** The next word, if it is one of these. */
  take<Word extends string>(...words: readonly Word[]): Word | undefined {
    const found = words.find((word) => word === this.#words[0]);
    if (found !== undefined) this.#words.shift();
    return found;
  }

  startsWith(word: string): boolean {
    return this.#words[0] === word;
  }

  expect<Word extends string>(...words: readonly Word[]): Word {
    return this.take(...words) ?? this.fail(words.join(' or '));
  }

  /** The next word, whatever it is, if it fits. */
  match(pattern: RegExp, what: string): string {
    const word = this.#words.shift() ?? '';
    return pattern.test(word) ? word : this.fail(what);
  }

  /** One, or several in braces. */
  list<Item>(read: () => Item): readonly Item[] {
    if (!this.take('{')) return [read()];
    const items = [read()];
    while (!this.take('}')) {
      this.expect(',');
      items.push(read());
    }
    return items;
  }

  fail(what: string): never {
    throw new SyntaxError(`expected ${what} before ${JSON.stringify(this.#words.join(' '))} in: ${this.#line}`);
  }
}

function readTable(words: Words, tables: Map<string, readonly string[]>): void {
  const name = readTableName(words);
  words.expect('const');
  if (tables.has(name)) words.fail('a table that is not defined yet');
  tables.set(
    name,
    words.list(() => readAddress(words)),
  );
}

function readTableName(words: Words): string {
  words.expect('<');
  const name = words.match(/^[A-Za-z]\w*$/, 'the name of a table');
  words.expect('>');
  return name.length < tableNameBytes ? name : words.fail('a shorter name');
}

function readAddress(words: Words): string {
  const text = words.match(/^[0-9a-f.:]+(?:\/\d+)?$/, 'an address');
  const [address = '', length = '0'] = text.split('/');
  if (isIP(address) === 0 || Number(length) > (isIPv4(address) ? 32 : 128)) words.fail('an address');
  return text;
}

function readRule(words: Words, tables: ReadonlyMap<string, readonly string[]>): PfRule {
  const action = words.expect('pass', 'block');
  if (action === 'block') words.take('drop', 'return');
  const direction = words.take('in', 'out');
  words.expect('quick');
  const device = words.take('on') && words.match(/^[a-z]+\d*$/, 'an interface');
  const family = words.take('inet', 'inet6');
  const protocol = words.take('proto') && words.expect('tcp', 'udp', 'icmp', 'ipv6-icmp');
  const hosts = readHosts(words, tables, protocol);
  const options = readOptions(words, protocol);
  return {
    action,
    ...(direction ? { direction } : {}),
    ...(device === undefined ? {} : { interface: device }),
    ...(family ? { family } : {}),
    ...(protocol ? { protocol } : {}),
    ...hosts,
    ...options,
  };
}

function readHosts(
  words: Words,
  tables: ReadonlyMap<string, readonly string[]>,
  protocol: string | undefined,
): Pick<PfRule, 'from' | 'to'> {
  const everybody: PfEnd = { addresses: 'any', ports: [] };
  if (words.take('all')) return { from: everybody, to: everybody };
  const readEnd = (): PfEnd => {
    const addresses = words.take('any') ?? readAddresses(words, tables);
    const ports = words.take('port') ? words.list(() => readPorts(words)) : [];
    if (ports.length > 0 && protocol !== 'tcp' && protocol !== 'udp') words.fail('a protocol with ports');
    return { addresses, ports };
  };
  words.expect('from');
  const from = readEnd();
  words.expect('to');
  return { from, to: readEnd() };
}

function readAddresses(words: Words, tables: ReadonlyMap<string, readonly string[]>): readonly string[] {
  if (!words.startsWith('<')) return [readAddress(words)];
  return tables.get(readTableName(words)) ?? words.fail('a table that is defined above');
}

function readPorts(words: Words): string {
  const text = words.match(/^\d+(?::\d+)?$/, 'ports');
  const [from = 0, to = from] = text.split(':').map(Number);
  return from >= 1 && from <= to && to <= 65_535 ? text : words.fail('ports from 1 to 65535');
}

function readOptions(
  words: Words,
  protocol: string | undefined,
): Pick<PfRule, 'icmpTypes' | 'flags' | 'keepsState' | 'allowsOptions' | 'label'> {
  let icmpTypes: readonly number[] = [];
  let flags: string | undefined;
  let label: string | undefined;
  let keepsState = true;
  let allowsOptions = false;
  while (!words.ended) {
    const option = words.expect('flags', 'icmp-type', 'icmp6-type', 'keep', 'no', 'allow-opts', 'label');
    if (option === 'flags') {
      if (protocol !== 'tcp') words.fail('flags of TCP only');
      flags = words.match(/^[FSRPAUEW]*\/[FSRPAUEW]+$/, 'flags');
    } else if (option === 'icmp-type' || option === 'icmp6-type') {
      if (protocol !== (option === 'icmp-type' ? 'icmp' : 'ipv6-icmp')) words.fail('types of the protocol');
      icmpTypes = words.list(() => Number(words.match(/^(?:\d\d?|1\d\d|2[0-4]\d|25[0-5])$/, 'a type')));
    } else if (option === 'allow-opts') allowsOptions = true;
    else if (option === 'label') label = readLabel(words);
    else {
      words.expect('state');
      keepsState = option === 'keep';
    }
  }
  return {
    icmpTypes,
    keepsState,
    allowsOptions,
    ...(flags === undefined ? {} : { flags }),
    ...(label === undefined ? {} : { label }),
  };
}

function readLabel(words: Words): string {
  const label = words.match(/^"/, 'a quoted label').slice(1, -1);
  return Buffer.byteLength(label) < labelBytes ? label : words.fail('a shorter label');
}
