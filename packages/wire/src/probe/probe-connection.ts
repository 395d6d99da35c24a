import { isIP, SocketAddress } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { readExactly, type WaitOptions, waitOn } from '../waiting.ts';
import { probeSubject } from './certificate.ts';
import type { Diagnosis, Direction } from './diagnosis.ts';
import {
  connectLimitMs,
  echoLimitMs,
  firstRecordBytes,
  maxRecordBytes,
  maxReportBytes,
  proofLimitMs,
  stallLimitMs,
} from './limits.ts';
import { type PortStates, parseStates } from './port-state.ts';
import { probeProtocol } from './probe-listener.ts';
import { type ProbeKey, proveToListener, sendCommand } from './proof.ts';
import { issuerName } from './service.ts';

export interface Target {
  readonly address: string;
  readonly port: number;
}

type Opened =
  | { readonly kind: 'proven'; readonly connection: ProbeConnection }
  | { readonly kind: 'failed'; readonly diagnosis: Diagnosis };

export type Transfer =
  | { readonly kind: 'complete' }
  | { readonly kind: 'stopped'; readonly how: 'reset' | 'silence'; readonly afterBytes: number };

const failed = (diagnosis: Diagnosis): Opened => ({ kind: 'failed', diagnosis });

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

/** What it means that TCP did not come about. */
export function connectDiagnosis(error: unknown): Diagnosis {
  const code = codeOf(error);
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return { kind: 'refused', by: 'unknown' };
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ENETDOWN':
      return { kind: 'no-route', where: 'here', code };
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
      return { kind: 'no-route', where: 'on-the-way', code };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'forbidden-here', code };
    case 'ETIMEDOUT':
      return { kind: 'dropped' };
    default:
      // Open files, memory, ports: nothing has left this computer.
      return { kind: 'untried', code: code || String(error) };
  }
}

/** What it means that TCP was accepted and then no TLS came about. */
function handshakeDiagnosis(error: unknown): Diagnosis {
  const code = codeOf(error);
  if (code === 'ETIMEDOUT') return { kind: 'middlebox', said: 'nothing' };
  if (code === 'ECONNRESET' || code === 'EPIPE') return { kind: 'middlebox', said: 'closed' };
  // It speaks TLS, and knows no probe.
  return { kind: 'middlebox', said: code.includes('ALERT') ? 'tls-of-another' : 'not-tls' };
}

/** Of IPv4 within IPv6, and of IPv6 in any notation, one form. */
export function canonicalAddress(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*/, '');
  return bare.includes(':') ? new SocketAddress({ address: bare, family: 'ipv6' }).address : bare;
}

/** A connection to a probe listener that has proven itself. */
export class ProbeConnection implements Disposable {
  readonly #socket: TLSSocket;
  readonly #signal: AbortSignal | undefined;
  readonly localAddress: string;

  private constructor(socket: TLSSocket, signal: AbortSignal | undefined) {
    this.#socket = socket;
    this.#signal = signal;
    this.localAddress = canonicalAddress(socket.localAddress ?? '');
  }

  static async dial(
    { address, port }: Target,
    o: { readonly key: ProbeKey; readonly signal?: AbortSignal | undefined },
  ): Promise<Opened> {
    const { key, signal } = o;
    signal?.throwIfAborted();
    const socket = connect({
      host: address,
      port,
      minVersion: 'TLSv1.3',
      // Small enough for a first flight that passes wherever IP does; the default has a key share of more than a kilobyte.
      ecdhCurve: 'X25519',
      ALPNProtocols: [probeProtocol],
      // The proof inside counts.
      rejectUnauthorized: false,
    });
    socket.on('error', () => socket.destroy()).setNoDelay(true);
    let isSecure = false;
    socket.once('secureConnect', () => {
      isSecure = true;
    });
    const keep = (opened: Opened): Opened => {
      if (opened.kind === 'failed') socket.destroy();
      return opened;
    };
    try {
      await waitOn(socket, ['connect'], () => !socket.connecting || undefined, { timeoutMs: connectLimitMs, signal });
    } catch (error) {
      socket.destroy();
      signal?.throwIfAborted();
      return failed(connectDiagnosis(error));
    }
    const wait = { timeoutMs: proofLimitMs, signal };
    try {
      await waitOn(socket, ['secureConnect'], () => isSecure || undefined, wait);
    } catch (error) {
      socket.destroy();
      signal?.throwIfAborted();
      return failed(handshakeDiagnosis(error));
    }
    const presented = socket.getPeerX509Certificate();
    try {
      const proof = await proveToListener(socket, key, wait);
      if (proof === 'proven') return { kind: 'proven', connection: new ProbeConnection(socket, signal) };
      if (proof === 'unproven') return keep(failed({ kind: 'middlebox', said: 'wrong-proof' }));
      const issuer = issuerName(presented?.issuer ?? '');
      return keep(failed({ kind: 'tls-intercepted', issuer }));
    } catch (error) {
      socket.destroy();
      signal?.throwIfAborted();
      // Only a probe listener's certificate has that name: it is there, and something holds back or cuts what follows.
      if (presented?.subject === probeSubject) return failed(handshakeDiagnosis(error));
      return failed({ kind: 'middlebox', said: 'tls-of-another' });
    }
  }

  #wait(timeoutMs: number): WaitOptions {
    return { timeoutMs, signal: this.#signal };
  }

  /** Both addresses of this connection, as the listener has them. */
  async observe(): Promise<{ readonly remote: string; readonly local: string }> {
    sendCommand(this.#socket, { kind: 'observe' });
    const seen: unknown = JSON.parse(await this.#readText());
    const address = (key: 'remote' | 'local'): string => {
      const found: unknown = (seen as Record<string, unknown> | null)?.[key];
      // It is printed: nothing but an address is one.
      if (typeof found === 'string' && isIP(found) !== 0) return canonicalAddress(found);
      throw new TypeError('the other end told no address');
    };
    return { remote: address('remote'), local: address('local') };
  }

  async report(): Promise<PortStates> {
    sendCommand(this.#socket, { kind: 'report' });
    return parseStates(await this.#readText());
  }

  async #readText(): Promise<string> {
    const wait = this.#wait(echoLimitMs);
    const size = (await readExactly(this.#socket, 4, wait)).readUInt32BE();
    return (await readExactly(this.#socket, Math.min(size, maxReportBytes), wait)).toString();
  }

  /**
   * Bytes one way, with what became of them. Each record is confirmed before the next one, so that it is known how far they came;
   * they grow as far as a payload's do, or have the size that is given.
   */
  async transfer(
    direction: Direction,
    bytes: number,
    o: { readonly recordBytes?: number; readonly stallMs?: number } = {},
  ): Promise<Transfer> {
    let arrived = 0;
    try {
      while (arrived < bytes) {
        const record = o.recordBytes ?? Math.min(Math.max(firstRecordBytes, arrived), maxRecordBytes);
        arrived += await this.#record(direction, Math.min(record, bytes - arrived), o.stallMs ?? stallLimitMs);
      }
      return { kind: 'complete' };
    } catch (error) {
      this.#socket.destroy();
      this.#signal?.throwIfAborted();
      return { kind: 'stopped', how: codeOf(error) === 'ETIMEDOUT' ? 'silence' : 'reset', afterBytes: arrived };
    }
  }

  async #record(direction: Direction, bytes: number, stallMs: number): Promise<number> {
    const socket = this.#socket;
    if (direction === 'out') {
      sendCommand(socket, { kind: 'take', bytes });
      socket.write(Buffer.alloc(bytes));
      await readExactly(socket, 1, this.#wait(stallMs));
    } else {
      sendCommand(socket, { kind: 'give', bytes });
      await readExactly(socket, bytes, this.#wait(stallMs));
    }
    return bytes;
  }

  /** Says nothing for so long, and then looks whether the connection is alive. `afterMs`: when it was seen to be dead. */
  async idle(
    durationMs: number,
    nowMs: () => number,
  ): Promise<{ readonly kind: 'alive' } | { readonly kind: 'dead'; readonly afterMs: number }> {
    const socket = this.#socket;
    const startMs = nowMs();
    // Reading is what makes an end be noticed.
    const nothing = (): undefined => void socket.read();
    try {
      await waitOn(socket, ['readable'], nothing, this.#wait(durationMs));
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (codeOf(error) !== 'ETIMEDOUT') return { kind: 'dead', afterMs: nowMs() - startMs };
    }
    try {
      sendCommand(socket, { kind: 'echo' });
      await readExactly(socket, 1, this.#wait(echoLimitMs));
      return { kind: 'alive' };
    } catch {
      this.#signal?.throwIfAborted();
      return { kind: 'dead', afterMs: durationMs };
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
