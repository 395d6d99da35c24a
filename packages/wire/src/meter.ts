import type { CertificateRole, ChannelId } from '@holdfast/contract';
import type { ErrorCode } from '@holdfast/core';
import { maxPortsPerChannelUse } from './limits.ts';

export type Direction = 'in' | 'out';
/** What the other end proved to be; `none` without a certificate of ours. */
export type PeerClass = CertificateRole | 'none';

/** How a process used one channel since it started. */
export interface ChannelUse {
  readonly channel: ChannelId;
  /** Listening ports for connections in, the other end's for connections out; ascending, at most 1,024. */
  readonly ports: number[];
  readonly connectionsIn: number;
  readonly connectionsOut: number;
  /** Content read from connections of either direction, open ones included. TLS's own bytes are not in it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** ISO 8601. */
  readonly lastUsedAt: string;
}

/** Connections along one channel in one direction with one kind of peer. */
export interface ChannelTraffic {
  readonly channel: ChannelId;
  /** `in`: the other end dialled. */
  readonly direction: Direction;
  readonly peer: PeerClass;
  readonly connections: number;
  readonly openConnections: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** ISO 8601. A connection that is open is in use. */
  readonly lastUsedAt: string;
}

/** Connections that did not come about: turned away here (`in`), or dialled in vain (`out`). */
export interface ChannelRefusals {
  readonly channel: ChannelId;
  readonly direction: Direction;
  readonly reason: ErrorCode;
  readonly count: number;
  /** ISO 8601. */
  readonly lastAt: string;
}

/** Everything in it is bounded by the contract and the table of errors, whoever connects: no addresses, no names. */
export interface ChannelCounts {
  readonly traffic: ChannelTraffic[];
  readonly refusals: ChannelRefusals[];
}

/** A socket whose bytes are counted while it is open. */
export interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

interface Account {
  readonly channel: ChannelId;
  readonly direction: Direction;
  readonly peer: PeerClass;
  readonly ports: Set<number>;
  connections: number;
  bytesIn: number;
  bytesOut: number;
  lastUsedAt: Date;
  readonly open: Map<Counted, { bytesIn: number; bytesOut: number }>;
}

interface Opened {
  readonly channel: ChannelId;
  readonly direction: Direction;
  readonly peer: PeerClass;
  readonly port: number;
  readonly socket: Counted;
}

/** Where a connection is counted. */
interface Started {
  readonly account: Account;
  readonly startedAt: Date;
  /** When the account was last used, but for this connection. */
  readonly before?: Date;
}

/** A connection that is counted. */
export interface Counting {
  /** It turned out to be of another channel: counts there from its beginning. */
  moveTo(channel: ChannelId): void;
  /** Call it when the socket has closed. */
  end(): void;
}

/** Counts connections, bytes and refusals per channel. */
export class Meter {
  readonly #accounts = new Map<string, Account>();
  readonly #refusals = new Map<string, ChannelRefusals>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  open(o: Opened): Counting {
    let mine = this.#start(o);
    return {
      moveTo: (channel) => {
        if (channel === mine.account.channel || !mine.account.open.has(o.socket)) return;
        this.#takeBack(mine, o.socket);
        mine = this.#start({ ...o, channel });
      },
      end: () => {
        const { account } = mine;
        if (!account.open.has(o.socket)) return;
        this.#read(account, o.socket);
        account.open.delete(o.socket);
        account.lastUsedAt = this.#now();
      },
    };
  }

  /** A datagram that was sent: a connection that is over at once. */
  datagram(o: { readonly channel: ChannelId; readonly port: number; readonly sentBytes: number }): void {
    const { channel, port, sentBytes } = o;
    const socket = { bytesRead: 0, bytesWritten: sentBytes };
    this.open({ channel, direction: 'out', peer: 'none', port, socket }).end();
  }

  refuse(o: Pick<ChannelRefusals, 'channel' | 'direction' | 'reason'>): void {
    const key = `${o.channel} ${o.direction} ${o.reason}`;
    const count = (this.#refusals.get(key)?.count ?? 0) + 1;
    this.#refusals.set(key, { ...o, count, lastAt: this.#now().toISOString() });
  }

  counts(): ChannelCounts {
    this.#readAll();
    const traffic = [...this.#accounts.values()].map(
      ({ channel, direction, peer, connections, bytesIn, bytesOut, lastUsedAt, open }): ChannelTraffic => ({
        ...{ channel, direction, peer, connections },
        openConnections: open.size,
        receivedBytes: bytesIn,
        sentBytes: bytesOut,
        lastUsedAt: (open.size > 0 ? this.#now() : lastUsedAt).toISOString(),
      }),
    );
    return { traffic, refusals: [...this.#refusals.values()] };
  }

  use(): ChannelUse[] {
    this.#readAll();
    const byChannel = Map.groupBy(this.#accounts.values(), ({ channel }) => channel);
    return [...byChannel].map(([channel, accounts]) => {
      const sum = (valueOf: (account: Account) => number): number =>
        accounts.reduce((total, account) => total + valueOf(account), 0);
      const ports = [...new Set(accounts.flatMap((account) => [...account.ports]))];
      return {
        channel,
        ports: ports.sort((a, b) => a - b).slice(0, maxPortsPerChannelUse),
        connectionsIn: sum(({ direction, connections }) => (direction === 'in' ? connections : 0)),
        connectionsOut: sum(({ direction, connections }) => (direction === 'out' ? connections : 0)),
        bytesIn: sum(({ bytesIn }) => bytesIn),
        bytesOut: sum(({ bytesOut }) => bytesOut),
        lastUsedAt: new Date(Math.max(...accounts.map(({ lastUsedAt }) => lastUsedAt.getTime()))).toISOString(),
      };
    });
  }

  #start({ channel, direction, peer, port, socket }: Opened): Started {
    const startedAt = this.#now();
    const key = `${channel} ${direction} ${peer}`;
    const known = this.#accounts.get(key);
    const account: Account = known ?? {
      ...{ channel, direction, peer, connections: 0, bytesIn: 0, bytesOut: 0, lastUsedAt: startedAt },
      ports: new Set(),
      open: new Map(),
    };
    const before = known?.lastUsedAt;
    this.#accounts.set(key, account);
    account.connections += 1;
    account.lastUsedAt = startedAt;
    if (port > 0 && account.ports.size < maxPortsPerChannelUse) account.ports.add(port);
    account.open.set(socket, { bytesIn: 0, bytesOut: 0 });
    return { account, startedAt, ...(before ? { before } : {}) };
  }

  /** As if the connection had never been of that account. */
  #takeBack({ account, startedAt, before }: Started, socket: Counted): void {
    const seen = account.open.get(socket);
    account.open.delete(socket);
    account.connections -= 1;
    account.bytesIn -= seen?.bytesIn ?? 0;
    account.bytesOut -= seen?.bytesOut ?? 0;
    if (before && account.lastUsedAt === startedAt) account.lastUsedAt = before;
    if (account.connections === 0) this.#accounts.delete(`${account.channel} ${account.direction} ${account.peer}`);
  }

  #readAll(): void {
    for (const account of this.#accounts.values())
      for (const socket of account.open.keys()) this.#read(account, socket);
  }

  #read(account: Account, socket: Counted): void {
    const seen = account.open.get(socket);
    if (!seen) return;
    const bytesIn = socket.bytesRead;
    const bytesOut = socket.bytesWritten;
    if (bytesIn > seen.bytesIn || bytesOut > seen.bytesOut) account.lastUsedAt = this.#now();
    account.bytesIn += Math.max(0, bytesIn - seen.bytesIn);
    account.bytesOut += Math.max(0, bytesOut - seen.bytesOut);
    account.open.set(socket, { bytesIn, bytesOut });
  }
}
