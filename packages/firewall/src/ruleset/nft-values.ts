import { addressRange } from './address-range.ts';
import { type Json, list, record, text } from './json.ts';
import type { FieldValue } from './nft-fields.ts';
import type { AddressEdge, PortEdge, Truth } from './ruleset.ts';
import { isIn, sortRanges } from './sorted-ranges.ts';

/** Whether the values of a key (one, or those of a concatenation) are what the rule wants. */
export type Matcher = (values: readonly FieldValue[]) => Truth;

type Item = (value: FieldValue) => Truth;

/** The constants and sets of one table. */
export class NftValues {
  readonly #sets = new Map<string, { readonly elements: readonly Json[]; readonly matches: Matcher }>();
  readonly #edges: { readonly ports: PortEdge[]; readonly addresses: AddressEdge[] };

  /** Ports and addresses are written down there as they are met. */
  constructor(edges: { readonly ports: PortEdge[]; readonly addresses: AddressEdge[] }) {
    this.#edges = edges;
  }

  addSet(name: string, elements: readonly Json[]): void {
    // Keys of maps come with what they map to.
    const keys = elements.map((element) => (Array.isArray(element) ? (list(element)[0] ?? null) : element));
    this.#sets.set(name, { elements, matches: this.#anyOf(keys) });
  }

  elementsOf(name: string): readonly Json[] {
    return this.#sets.get(name)?.elements ?? [];
  }

  matcher(right: Json): Matcher {
    if (typeof right === 'string' && right.startsWith('@'))
      return this.#sets.get(right.slice(1))?.matches ?? neverKnown;
    const { set } = record(right);
    if (set !== undefined) return this.#anyOf(list(set));
    // A list of flags, any of which is enough.
    return this.#anyOf(Array.isArray(right) ? list(right) : [right]);
  }

  #anyOf(elements: readonly Json[]): Matcher {
    const found: { first: bigint; last: bigint }[] = [];
    const others: Matcher[] = [];
    for (const element of elements.map(withoutOptions)) {
      const { concat } = record(element);
      const range = concat === undefined ? this.#range(element) : undefined;
      if (range) found.push(range);
      else others.push(concat === undefined ? single(this.#item(element)) : this.#concatenation(list(concat)));
    }
    const ranges = sortRanges(found);
    return (values) => {
      const [value] = values;
      if ((typeof value === 'bigint' || typeof value === 'number') && isIn(ranges, BigInt(value))) return true;
      let truth: Truth = value === undefined && ranges.length > 0 ? undefined : false;
      for (const matches of others) {
        const holds = matches(values);
        if (holds) return true;
        if (holds === undefined) truth = undefined;
      }
      return truth;
    };
  }

  #concatenation(parts: readonly Json[]): Matcher {
    const items = parts.map((part) => this.#item(withoutOptions(part)));
    return (values) => {
      let truth: Truth = true;
      for (const [index, item] of items.entries()) {
        const holds = item(values[index]);
        if (holds === false) return false;
        if (holds === undefined) truth = undefined;
      }
      return truth;
    };
  }

  #item(value: Json): Item {
    const range = this.#range(value);
    if (range)
      return (found) => {
        if (found === undefined) return undefined;
        if (typeof found !== 'bigint' && typeof found !== 'number') return false;
        return range.first <= BigInt(found) && BigInt(found) <= range.last;
      };
    if (typeof value === 'boolean') return (found) => (found === undefined ? undefined : found === value);
    if (typeof value !== 'string') return () => undefined;
    const wanted = protocolNames.get(value) ?? value;
    const stem = wanted.endsWith('*') ? wanted.slice(0, -1) : undefined;
    return (found) => {
      // An interface that is not known is not the loopback one.
      if (found === undefined) return wanted === 'lo' ? false : undefined;
      return stem === undefined ? found === wanted : typeof found === 'string' && found.startsWith(stem);
    };
  }

  /** Addresses, prefixes and ports as ranges of numbers. Undefined: it is none. */
  #range(value: Json): { first: bigint; last: bigint } | undefined {
    if (typeof value === 'number') return this.#ports(value, value);
    if (typeof value === 'string') return this.#addresses(value, value);
    const { prefix, range } = record(value);
    if (prefix !== undefined) {
      const { addr, len } = record(prefix);
      const whole = `${text(addr)}/${text(len)}`;
      return this.#addresses(whole, whole);
    }
    const [from = null, to = null] = list(range);
    if (typeof from === 'number' && typeof to === 'number') return this.#ports(from, to);
    return this.#addresses(text(from), text(to));
  }

  #ports(from: number, to: number): { first: bigint; last: bigint } | undefined {
    if (!Number.isInteger(from) || !Number.isInteger(to)) return undefined;
    this.#edges.ports.push({ from, to });
    return { first: BigInt(from), last: BigInt(to) };
  }

  #addresses(from: string, to: string): AddressEdge | undefined {
    const [first, last] = [addressRange(from), addressRange(to)];
    if (!first || !last) return undefined;
    const edge = { family: first.family, first: first.first, last: last.last };
    this.#edges.addresses.push(edge);
    return edge;
  }
}

const neverKnown: Matcher = () => undefined;
const protocolNames: ReadonlyMap<string, string> = new Map([
  ['6', 'tcp'],
  ['17', 'udp'],
]);

function single(item: Item): Matcher {
  return ([value]) => item(value);
}

/** Elements with time-outs, counters or comments are wrapped. */
function withoutOptions(element: Json): Json {
  const { elem } = record(element);
  return elem === undefined ? element : (record(elem)['val'] ?? null);
}
