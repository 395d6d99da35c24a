import type { Server, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { stopListening } from '../listener.ts';
import { describeHolders } from '../port-holders.ts';
import { bind } from '../ports.ts';
import { readExactly, waitOn } from '../waiting.ts';
import { makeProbeCertificate } from './certificate.ts';
import {
  echoLimitMs,
  maxArrivals,
  maxCommands,
  maxIdleMs,
  maxPendingPerAddress,
  maxProbePorts,
  maxRecordBytes,
  maxServedAtOnce,
  servedProofLimitMs,
  servedStallLimitMs,
} from './limits.ts';
import { type PortState, type PortStates, stateText } from './port-state.ts';
import { type Command, type ProbeKey, proveToDialler, readCommand, sendText } from './proof.ts';
import { inspectService } from './service.ts';

/** Who may check what: the ports that a key is good for. */
export interface Admission {
  readonly key: ProbeKey;
  readonly ports: readonly number[];
}

export interface ProbeListenerOptions {
  readonly ports: readonly number[];
  readonly admissions: readonly Admission[];
  /** Whether those who check are told which program has a port. */
  readonly namesHolders: boolean;
  /** Addresses of this computer at which a service may listen that already has a port. */
  readonly addresses: readonly string[];
  /** Default: all. */
  readonly host?: string | undefined;
  readonly platform?: NodeJS.Platform | undefined;
  readonly onProven?: ((port: number, remoteAddress: string) => void) | undefined;
  /** Gives the start up: whoever has a port may keep it waiting for an answer. */
  readonly signal?: AbortSignal | undefined;
}

const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

/**
 * Listens on the ports of channels whose service does not run yet, for those who have the secret of this check, until it is
 * disposed. Others learn nothing and are cut.
 */
export class ProbeListener implements AsyncDisposable {
  readonly #o: ProbeListenerOptions;
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();
  readonly #stop = new AbortController();
  readonly #states = new Map<number, PortState>();
  readonly #certificate: { readonly cert: string; readonly key: string };
  /** By the name of their key. */
  readonly #admitted = new Map<string, { readonly key: ProbeKey; readonly ports: ReadonlySet<number> }>();
  /** Connections by port and address that came and have not proven themselves. */
  readonly #unproven = new Map<string, number>();
  /** Connections by address that have not proven themselves yet. */
  readonly #pending = new Map<string, number>();

  private constructor(o: ProbeListenerOptions, certificate: { readonly cert: string; readonly key: string }) {
    this.#o = o;
    this.#certificate = certificate;
    for (const { key, ports } of o.admissions) this.#admitted.set(key.name, { key, ports: new Set(ports) });
  }

  /** Ports that can't be had are no error: `states` and the report say why. */
  static async start(o: ProbeListenerOptions): Promise<ProbeListener> {
    if (o.ports.length > maxProbePorts)
      throw new HoldfastError('usage.option', {
        message: `${o.ports.length} ports are too many to listen on at once: it takes ${maxProbePorts}.`,
      });
    const listener = new ProbeListener(o, await makeProbeCertificate());
    try {
      for (const port of o.ports) {
        o.signal?.throwIfAborted();
        await listener.#bind(port);
      }
      return listener;
    } catch (error) {
      await listener[Symbol.asyncDispose]();
      throw error;
    }
  }

  get states(): PortStates {
    return this.#states;
  }

  async #bind(port: number): Promise<void> {
    try {
      this.#servers.push(await this.#bindAnywhere(port));
      this.#states.set(port, { kind: 'open', unproven: 0 });
    } catch (error) {
      this.#states.set(port, await this.#stateAfter(errnoOf(error) ?? String(error), port));
    }
  }

  async #bindAnywhere(port: number): Promise<Server> {
    const onSocket = (socket: Socket): void => this.#take(socket, port);
    if (this.#o.host !== undefined) return await bind({ host: this.#o.host, port, onSocket });
    try {
      return await bind({ host: '::', port, onSocket });
    } catch (error) {
      // A computer without IPv6.
      if (errnoOf(error) !== 'EAFNOSUPPORT' && errnoOf(error) !== 'EADDRNOTAVAIL') throw error;
      return await bind({ host: '0.0.0.0', port, onSocket });
    }
  }

  async #stateAfter(code: string, port: number): Promise<PortState> {
    const platform = this.#o.platform ?? process.platform;
    // Windows answers so for its excluded ranges; elsewhere nothing but a missing right does (a reserved port of Linux,
    // ip_local_reserved_ports, is only never given out by itself, and can be bound).
    if (code === 'EACCES' || code === 'EPERM')
      return platform === 'win32' ? { kind: 'reserved', code } : { kind: 'forbidden', code };
    const holder = (await describeHolders([port], platform)).replace(/^\d+ by /, '');
    for (const address of this.#o.addresses) {
      const presented = await inspectService(address, port, { timeoutMs: echoLimitMs, signal: this.#o.signal });
      if (presented) return { kind: 'held', holder, fingerprint: presented.fingerprint };
    }
    return { kind: 'held', holder };
  }

  #take(raw: Socket, port: number): void {
    raw.on('error', () => raw.destroy());
    const address = plainAddress(raw.remoteAddress);
    const pending = this.#pending.get(address) ?? 0;
    if (this.#stop.signal.aborted || this.#open.size >= maxServedAtOnce || pending >= maxPendingPerAddress) {
      raw.destroy();
      return;
    }
    this.#open.add(raw);
    this.#pending.set(address, pending + 1);
    // It would keep alive what is to be measured idle.
    raw.setKeepAlive(false);
    const limit = setTimeout(() => raw.destroy(), servedProofLimitMs);
    const arrival = `${port} ${address}`;
    const isCounted = this.#unproven.has(arrival) || this.#unproven.size < maxArrivals;
    if (isCounted) count(this.#unproven, arrival, 1);
    let isPending = true;
    const settle = (): void => {
      clearTimeout(limit);
      if (isPending) count(this.#pending, address, -1);
      isPending = false;
    };
    const proven = (): void => {
      settle();
      if (isCounted) count(this.#unproven, arrival, -1);
      this.#o.onProven?.(port, address);
    };
    raw.once('close', () => {
      this.#open.delete(raw);
      settle();
    });
    const tls = createServer({ ...this.#certificate, minVersion: 'TLSv1.3', ALPNProtocols: [probeProtocol] });
    tls.on('tlsClientError', () => raw.destroy());
    tls.on('secureConnection', (socket) => void this.#serve(socket, port, proven));
    tls.emit('connection', raw);
  }

  /** For each of these ports, what an end that reached one of them is told: also whether its other connections came. */
  #statesFor(address: string, ports: ReadonlySet<number>): PortStates {
    const told = ([port, state]: [number, PortState]): [number, PortState] => {
      if (state.kind === 'open')
        return [port, { kind: 'open', unproven: this.#unproven.get(`${port} ${address}`) ?? 0 }];
      return [port, state.kind === 'held' && !this.#o.namesHolders ? withoutHolder(state) : state];
    };
    return new Map([...this.#states].filter(([port]) => ports.has(port)).map(told));
  }

  async #serve(socket: TLSSocket, port: number, proven: () => void): Promise<void> {
    socket.on('error', () => socket.destroy());
    const { signal } = this.#stop;
    try {
      const admitted = (name: string): ProbeKey | undefined => {
        const found = this.#admitted.get(name);
        return found?.ports.has(port) ? found.key : undefined;
      };
      const key = await proveToDialler(socket, admitted, { timeoutMs: servedProofLimitMs, signal });
      const ports = key && this.#admitted.get(key.name)?.ports;
      if (!ports) return;
      proven();
      for (let served = 0; served < maxCommands; served += 1) {
        const command = await readCommand(socket, { timeoutMs: maxIdleMs, signal });
        if (!command) return;
        await this.#obey(socket, command, ports);
      }
    } catch {
      // The other end went away, was cut, or is none of ours: what that means is the dialling end's to say.
    } finally {
      socket.destroy();
    }
  }

  async #obey(socket: TLSSocket, command: Command, ports: ReadonlySet<number>): Promise<void> {
    const wait = { timeoutMs: servedStallLimitMs, signal: this.#stop.signal };
    switch (command.kind) {
      case 'echo':
        socket.write('.');
        return;
      case 'observe':
        sendText(
          socket,
          JSON.stringify({ remote: plainAddress(socket.remoteAddress), local: plainAddress(socket.localAddress) }),
        );
        return;
      case 'report':
        sendText(socket, stateText(this.#statesFor(plainAddress(socket.remoteAddress), ports)));
        break;
      case 'take':
        await readExactly(socket, Math.min(command.bytes, maxRecordBytes), wait);
        socket.write('.');
        return;
      case 'give':
        socket.write(Buffer.alloc(Math.min(command.bytes, maxRecordBytes)));
        break;
    }
    // Who asks for more than it takes must not fill the memory.
    if (socket.writableNeedDrain) await waitOn(socket, ['drain'], () => !socket.writableNeedDrain || undefined, wait);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#servers.map(stopListening));
  }
}

function count(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + change;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
}

/** What has a port, without its name. */
export function withoutHolder(state: Extract<PortState, { kind: 'held' }>): PortState {
  return { ...state, holder: unnamedHolder };
}
const unnamedHolder = 'a program there';

/** ALPN: a service of ours that already runs refuses it, and so is recognised. */
export const probeProtocol = 'holdfast-probe/1';
