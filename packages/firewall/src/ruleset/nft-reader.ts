import { HoldfastError } from '@holdfast/core';
import { type Json, list, record, text } from './json.ts';
import { type Field, fieldOf } from './nft-fields.ts';
import { type Matcher, NftValues } from './nft-values.ts';
import type { BaseChain, Rule, Step, Table, TableDraft, Truth, Verdict } from './ruleset.ts';

/** Families of tables that packets of TCP and UDP to and from this host pass. */
const familiesOf: ReadonlyMap<string, Table['families']> = new Map([
  ['ip', ['ipv4']],
  ['ip6', ['ipv6']],
  ['inet', ['ipv4', 'ipv6']],
]);
/** Only the first packet of a connection is looked at, before any translation of addresses. */
const directions: ReadonlyMap<string, BaseChain['direction']> = new Map([
  ['prerouting', 'in'],
  ['input', 'in'],
  ['output', 'out'],
  ['postrouting', 'out'],
]);

export interface NftTable extends Table {
  /** Has matches or targets of iptables, which nft cannot show. */
  readonly isOpaque: boolean;
}

interface Draft extends TableDraft {
  readonly values: NftValues;
  isOpaque: boolean;
}

/** Reads what `nft -j list ruleset` prints (libnftables-json(5)). Throws `firewall.unreadable` for anything else. */
export function readNft(output: string): readonly NftTable[] {
  const tables = new Map<string, Draft>();
  const objects = list(record(parse(output))['nftables']).map(record);
  for (const kind of ['table', 'set', 'map', 'chain', 'rule'] as const)
    for (const object of objects) if (kind in object) add(tables, kind, record(object[kind]));
  return [...tables.values()];
}

function parse(output: string): Json {
  try {
    return JSON.parse(output) as Json;
  } catch (cause) {
    throw new HoldfastError('firewall.unreadable', { message: 'nft printed no JSON.', cause });
  }
}

function add(
  tables: Map<string, Draft>,
  kind: 'table' | 'set' | 'map' | 'chain' | 'rule',
  object: ReturnType<typeof record>,
): void {
  const family = text(object['family']);
  const families = familiesOf.get(family);
  if (!families) return;
  const name = `${family} ${text(object[kind === 'table' ? 'name' : 'table'])}`;
  if (kind === 'table') {
    if (isDormant(object['flags'])) return;
    const edges = { ports: [], addresses: [] };
    tables.set(name, {
      ...{ name, families, chains: new Map(), bases: [], sets: new Set(), isOpaque: false },
      ...edges,
      values: new NftValues(edges),
    });
    return;
  }
  const table = tables.get(name);
  if (!table) return;
  if (kind === 'rule') addRule(table, object);
  else if (kind === 'chain') addChain(table, object);
  else {
    const setName = text(object['name']);
    table.sets.add(setName);
    table.values.addSet(setName, list(object['elem']));
  }
}

/** The kernel asks none of its chains. nft prints one flag as a text, several as a list, and up to 1.0.6 something else instead. */
function isDormant(flags: Json | undefined): boolean {
  const words = flags === undefined ? [] : [flags].flat().map(text);
  return words.some((word) => !['owner', 'persist'].includes(word));
}

function addChain(table: Draft, object: ReturnType<typeof record>): void {
  const name = text(object['name']);
  const rules: Rule[] = [];
  table.chains.set(name, rules);
  const direction = directions.get(text(object['hook']));
  // Chains of type nat are asked for addresses, not for permission.
  if (!direction || text(object['type']) === 'nat') return;
  table.bases.push({
    place: `table ${table.name}, chain ${name}, policy`,
    direction,
    priority: Number(object['prio'] ?? 0) + (text(object['hook']).startsWith('p') ? hookOffset(direction) : 0),
    policy: text(object['policy']) === 'drop' ? 'drop' : 'accept',
    rules,
  });
}

/** Prerouting comes before input, postrouting after output, whatever the priorities. */
function hookOffset(direction: BaseChain['direction']): number {
  return direction === 'in' ? -(2 ** 32) : 2 ** 32;
}

function addRule(table: Draft, object: ReturnType<typeof record>): void {
  const chain = text(object['chain']);
  const steps: Step[] = [];
  let packets: number | undefined;
  for (const statement of list(object['expr']).map(record)) {
    if ('xt' in statement) table.isOpaque = true;
    const counter = statement['counter'];
    if (counter !== undefined && counter !== null && typeof counter === 'object' && 'packets' in counter)
      packets = Number(counter['packets']);
    steps.push(...stepsOf(statement, table.values));
  }
  table.chains.get(chain)?.push({
    place: `table ${table.name}, chain ${chain}, handle ${text(object['handle'])}`,
    ...(object['comment'] === undefined ? {} : { comment: text(object['comment']) }),
    ...(packets === undefined ? {} : { packets }),
    steps,
  });
}

/** Statements that let every packet of interest go on, unchanged in what rules look at. */
const passing: ReadonlySet<string> = new Set([
  'counter',
  'log',
  'mangle',
  'notrack',
  'ct helper',
  'set',
  'flow',
  'secmark',
]);
/** Statements that let some packets go on and not others, for reasons that are in no packet. */
const limiting: ReadonlySet<string> = new Set(['limit', 'quota', 'ct count', 'xt']);
const unknownTest: Step = { kind: 'test', holds: () => undefined };
const unknownVerdict: Step = { kind: 'map', find: () => 'unknown' };

function stepsOf(statement: ReturnType<typeof record>, values: NftValues): readonly Step[] {
  const verdict = verdictOf(statement);
  if (verdict) return [{ kind: 'verdict', verdict }];
  if ('match' in statement) return [{ kind: 'test', holds: testOf(record(statement['match']), values) }];
  if ('vmap' in statement) return [verdictMap(record(statement['vmap']), values)];
  if (Object.keys(statement).some((name) => passing.has(name))) return [];
  const isTarget = text(record(statement['xt'])['type']) === 'target';
  return [!isTarget && Object.keys(statement).some((name) => limiting.has(name)) ? unknownTest : unknownVerdict];
}

function verdictOf(statement: Json): Verdict | undefined {
  const object = record(statement);
  for (const kind of ['accept', 'drop', 'return', 'continue'] as const) if (kind in object) return { kind };
  if ('reject' in object) return { kind: 'drop' };
  for (const kind of ['jump', 'goto'] as const)
    if (kind in object) return { kind, chain: text(record(object[kind])['target']) };
  return undefined;
}

function testOf(match: ReturnType<typeof record>, values: NftValues): (packet: Parameters<Field>[0]) => Truth {
  const left = keyOf(match['left']);
  const operator = text(match['op']);
  if (!['==', 'in', '!='].includes(operator)) return () => undefined;
  const matches: Matcher = values.matcher(match['right'] ?? null);
  return (packet) => {
    const found = left.map((field) => field(packet));
    // The packet is of another protocol: nothing about that holds, not even the contrary.
    if (found.includes(null)) return false;
    const holds = matches(found);
    return holds === undefined || operator !== '!=' ? holds : !holds;
  };
}

function keyOf(left: Json | undefined): readonly Field[] {
  const { concat } = record(left);
  return (concat === undefined ? [left ?? null] : list(concat)).map(fieldOf);
}

function verdictMap(vmap: ReturnType<typeof record>, values: NftValues): Step {
  const key = keyOf(vmap['key']);
  const data = vmap['data'] ?? null;
  const pairs = typeof data === 'string' ? values.elementsOf(data.slice(1)) : list(record(data)['set']);
  const entries = pairs.map((pair) => {
    const [element = null, verdict = null] = list(pair);
    return { matches: values.matcher({ set: [element] }), verdict: verdictOf(verdict) };
  });
  return {
    kind: 'map',
    find: (packet) => {
      const found = key.map((field) => field(packet));
      if (found.includes(null)) return undefined;
      for (const { matches, verdict } of entries) {
        const holds = matches(found);
        if (holds === undefined) return 'unknown';
        if (holds) return verdict ?? 'unknown';
      }
      return undefined;
    },
  };
}
