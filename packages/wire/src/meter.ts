import type { ChannelId } from '@holdfast/contract';
import { maxPortsPerChannelUse } from './limits.ts';

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

/** A socket whose bytes are counted while it is open. */
export interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

interface Account {
  readonly ports: Set<number>;
  connectionsIn: number;
  connectionsOut: number;
  bytesIn: number;
  bytesOut: number;
  lastUsedAt: Date;
  readonly open: Map<Counted, { bytesIn: number; bytesOut: number }>;
}

/** Counts connections and bytes per channel. */
export class Meter {
  readonly #accounts = new Map<ChannelId, Account>();
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Starts to count a connection. The function that it gives ends that: call it when the socket has closed. */
  open(o: { channel: ChannelId; direction: 'in' | 'out'; port: number; socket: Counted }): () => void {
    let account = this.#accounts.get(o.channel);
    if (!account) {
      account = {
        ports: new Set(),
        connectionsIn: 0,
        connectionsOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        lastUsedAt: this.#now(),
        open: new Map(),
      };
      this.#accounts.set(o.channel, account);
    }
    const { socket } = o;
    const mine = account;
    if (o.direction === 'in') mine.connectionsIn += 1;
    else mine.connectionsOut += 1;
    if (o.port > 0 && mine.ports.size < maxPortsPerChannelUse) mine.ports.add(o.port);
    mine.lastUsedAt = this.#now();
    mine.open.set(socket, { bytesIn: 0, bytesOut: 0 });
    return () => {
      if (!mine.open.has(socket)) return;
      this.#read(mine, socket);
      mine.open.delete(socket);
      mine.lastUsedAt = this.#now();
    };
  }

  use(): ChannelUse[] {
    return [...this.#accounts].map(([channel, account]) => {
      for (const socket of account.open.keys()) this.#read(account, socket);
      const { connectionsIn, connectionsOut, bytesIn, bytesOut } = account;
      const ports = [...account.ports].sort((a, b) => a - b);
      const lastUsedAt = account.lastUsedAt.toISOString();
      return { channel, ports, connectionsIn, connectionsOut, bytesIn, bytesOut, lastUsedAt };
    });
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
