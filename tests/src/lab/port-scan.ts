import type { PortRange } from '@holdfast/contract';
import type { LabHost } from '@holdfast/lab';

/** What answers at an address: where something listens, and where nothing does. All other ports are silent. Ports as nmap writes them. */
export interface Answers {
  readonly open: string;
  readonly closed: string;
}

const portCount = 65_535;
const everyPort = ['-p', '-'];
/** A probe is given up after that: a busy machine takes a while for an answer. */
const patience = ['--min-rtt-timeout', '1500ms', '--initial-rtt-timeout', '1500ms', '--max-rtt-timeout', '1500ms'];
/** Nothing is asked twice, since most ports are silent: that every probe has arrived is counted where it arrives. */
const speed = ['--max-retries', '0', '--min-rate', '40000', ...patience];
const maxAttempts = 3;

/**
 * Asks every TCP port of other computers behind their firewalls; the answers in their order. `expected` are asked again, with
 * patience, where they were silent. Throws when probes were lost on the way.
 */
export async function scanAll(
  from: LabHost,
  targets: readonly LabHost[],
  expected: (target: LabHost) => readonly number[],
): Promise<readonly Answers[]> {
  if (targets.length === 0) return [];
  const addresses = targets.map(({ address }) => address);
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    for (const { namespace } of targets) namespace.nft(counting);
    const found = await nmap(from, [...everyPort, ...speed], addresses);
    const isComplete = targets.every(({ namespace }) => probesAt(namespace) >= portCount);
    for (const { namespace } of targets) namespace.nft('delete table inet scan');
    if (!isComplete) continue;
    return Promise.all(
      targets.map(async (target, index) =>
        texts(await insist(from, { address: target.address, found: found[index], ports: expected(target) })),
      ),
    );
  }
  throw new Error(`probes from ${from.name} to ${addresses.join(', ')} were lost ${maxAttempts} times`);
}

/** As `scanAll`, for some ports, of which all are asked again where they were silent. */
export async function scanSome(
  from: LabHost,
  targets: readonly LabHost[],
  ports: readonly number[],
): Promise<readonly Answers[]> {
  if (targets.length === 0) return [];
  const addresses = targets.map(({ address }) => address);
  return (
    await nmap(from, ['-p', portsText(ports), ...patience, '--max-retries', '1', '--min-rate', '5000'], addresses)
  ).map(texts);
}

/** Asks every TCP port of an address of a computer from within, where no firewall is; what is open. */
export async function scanWithin(host: LabHost, address = host.address): Promise<string> {
  const [found] = await nmap(host, everyPort, [address]);
  const ports = numbersOf([{ from: 1, to: portCount }]);
  const answers = await insist(host, { address, found, ports });
  if (answers.size !== portCount) throw new Error(`only ${answers.size} ports of ${host.name} have answered`);
  return texts(answers).open;
}

/** Asks those of some ports again that were silent: the answers to both. */
async function insist(
  from: LabHost,
  o: { readonly address: string; readonly found: Answered | undefined; readonly ports: readonly number[] },
): Promise<Answered> {
  const found = o.found ?? new Map();
  const silent = o.ports.filter((port) => !found.has(port));
  if (silent.length === 0) return found;
  const [again = []] = await nmap(from, ['-p', portsText(silent)], [o.address]);
  return new Map([...found, ...again]);
}

type State = 'open' | 'closed';
type Answered = ReadonlyMap<number, State>;

/** The ports that answered, by address. */
async function nmap(
  from: LabHost,
  args: readonly string[],
  addresses: readonly string[],
): Promise<readonly Answered[]> {
  const family = addresses.every((address) => address.includes(':')) ? ['-6'] : [];
  const asXml = ['-n', '-Pn', '-sS', '-oX', '-', ...family];
  const { status, stdout, stderr } = await from.run('nmap', [...asXml, ...args, ...addresses]);
  if (status !== 0) throw new Error(`nmap on ${from.name} ended with ${status}: ${stderr}`);
  return addresses.map((address) => answersOf(stdout, address));
}

function texts(answers: Answered): Answers {
  const inState = (state: State): string =>
    portsText([...answers].filter(([, found]) => found === state).map(([port]) => port));
  return { open: inState('open'), closed: inState('closed') };
}

/** Counts what asks for a connection, before any rule. */
const counting = `table inet scan {}
delete table inet scan
table inet scan {
  chain arriving {
    type filter hook prerouting priority -400
    tcp flags & (syn | ack) == syn counter
  }
}
`;

function probesAt(namespace: LabHost['namespace']): number {
  return Number(/counter packets (\d+)/.exec(namespace.readNft('list', 'table', 'inet', 'scan'))?.[1]);
}

/** Reads nmap's XML: single ports, or a list of those that are the same. */
function answersOf(xml: string, address: string): Answered {
  const host = xml.split('<host ').find((part) => part.includes(`<address addr="${address}"`));
  if (host === undefined) throw new Error(`nmap says nothing of ${address}`);
  const answers = new Map<number, State>();
  const add = (state: string, ports: readonly number[]): void => {
    if (state === 'open' || state === 'closed') for (const port of ports) answers.set(port, state);
    else if (state !== 'filtered') throw new Error(`nmap says ${state} of ports of ${address}`);
  };
  for (const [, port, state = ''] of host.matchAll(/<port protocol="tcp" portid="(\d+)"><state state="([^"]+)"/g))
    add(state, [Number(port)]);
  for (const [, state = '', reasons = ''] of host.matchAll(/<extraports state="([^"]+)"[^>]*>(.*?)<\/extraports>/gs))
    for (const [, list = ''] of reasons.matchAll(/proto="tcp" ports="([^"]+)"/g)) add(state, portNumbers(list));
  return answers;
}

function portNumbers(list: string): readonly number[] {
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return numbersOf([{ from: first, to: last }]);
  });
}

export function numbersOf(ranges: readonly PortRange[]): readonly number[] {
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

/** `6162,2500-3300`, sorted. */
export function portsText(ports: readonly number[]): string {
  const ranges: { from: number; to: number }[] = [];
  for (const port of [...new Set(ports)].sort((one, other) => one - other)) {
    const last = ranges.at(-1);
    if (last?.to === port - 1) last.to = port;
    else ranges.push({ from: port, to: port });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
