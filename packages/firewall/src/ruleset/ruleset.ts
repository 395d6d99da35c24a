import type { Block } from '@holdfast/contract/topology';

/** The first packet of a connection, as the firewall of one of its ends sees it. */
export interface Packet {
  readonly direction: 'in' | 'out';
  readonly family: 'ipv4' | 'ipv6';
  readonly source: bigint;
  readonly destination: bigint;
  readonly transport: 'tcp' | 'udp';
  /** Of the end that is connected to. */
  readonly port: number;
  /** The interface that it passes; never the loopback one. Unknown where it could not be told. */
  readonly device: string | undefined;
}

/** `undefined`: it depends on something that a packet's description has not got, such as a rate or a mark. */
export type Truth = boolean | undefined;

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export type Step =
  | { readonly kind: 'test'; readonly holds: (packet: Packet) => Truth }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** A verdict map. Nothing is found: the rule goes on. `unknown`: any verdict is possible. */
  | { readonly kind: 'map'; readonly find: (packet: Packet) => Verdict | 'unknown' | undefined };

export interface Rule {
  /** Where it is, for people: `table inet holdfast, chain input, rule 7`. Unique as long as the rules are not loaded anew. */
  readonly place: string;
  readonly comment?: string;
  /** Packets that it has counted. Undefined: it has no counter. */
  readonly packets?: number;
  readonly steps: readonly Step[];
}

/** A chain that packets of connections to or from this host pass. */
export interface BaseChain {
  readonly place: string;
  readonly direction: 'in' | 'out';
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
}

export interface Table {
  /** As nft calls it: `inet holdfast`. */
  readonly name: string;
  readonly families: readonly Packet['family'][];
  readonly chains: ReadonlyMap<string, readonly Rule[]>;
  readonly bases: readonly BaseChain[];
  readonly sets: ReadonlySet<string>;
  /** What its rules and sets name: behaviour can change only at the edges of these. */
  readonly ports: readonly PortEdge[];
  readonly addresses: readonly AddressEdge[];
}

/** A table while it is read. */
export interface TableDraft {
  readonly name: string;
  readonly families: Table['families'];
  readonly chains: Map<string, Rule[]>;
  readonly bases: BaseChain[];
  readonly sets: Set<string>;
  readonly ports: PortEdge[];
  readonly addresses: AddressEdge[];
}

export interface PortEdge {
  readonly from: number;
  readonly to: number;
}
export type AddressEdge = Pick<Block, 'family' | 'first' | 'last'>;

/** What decided: a rule, or the policy of a base chain. */
export type Decider = Rule | BaseChain;
