import type { Socket } from 'node:net';
import { maxWaitingForHandshake } from './limits.ts';

interface Waiting {
  readonly socket: Socket;
  readonly leave: () => void;
}

/**
 * Connections that have to wait for their handshake, as when a fleet calls again all at once. Addresses take turns, each with its first
 * one; when it is full, the address that has the most gives up its latest, so that no address keeps others out. One that its other end
 * has closed may be noticed only at its turn.
 */
export class WaitingRoom {
  readonly #waitMs: number;
  readonly #onCut: () => void;
  /** In the order of their turns. */
  readonly #byAddress = new Map<string, Waiting[]>();
  #size = 0;

  /** `onCut` is told of each that had to go without a handshake: nobody waits longer than `waitMs`. */
  constructor(o: { readonly waitMs: number; readonly onCut: () => void }) {
    this.#waitMs = o.waitMs;
    this.#onCut = o.onCut;
  }

  get size(): number {
    return this.#size;
  }

  enter(socket: Socket, address: string): void {
    const own = this.#byAddress.get(address) ?? [];
    this.#byAddress.set(address, own);
    const cut = (): void => {
      this.#remove(address, waiting);
      socket.destroy();
      this.#onCut();
    };
    const timer = setTimeout(cut, this.#waitMs);
    const onEnd = (): void => this.#remove(address, waiting);
    const waiting: Waiting = {
      socket,
      leave: () => {
        clearTimeout(timer);
        socket.off('close', onEnd);
      },
    };
    socket.on('close', onEnd).on('error', onEnd);
    own.push(waiting);
    this.#size += 1;
    if (this.#size > maxWaitingForHandshake) this.#makeRoom();
  }

  /** The next whose turn it is, of the addresses that may; it waits no more. */
  next(may: (address: string) => boolean): { readonly socket: Socket; readonly address: string } | undefined {
    for (const [address, [first]] of this.#byAddress) {
      if (!first || !may(address)) continue;
      this.#remove(address, first);
      const left = this.#byAddress.get(address);
      // To the end of the line.
      if (left && this.#byAddress.delete(address)) this.#byAddress.set(address, left);
      return { socket: first.socket, address };
    }
    return undefined;
  }

  /** Cuts all. */
  close(): void {
    for (const all of this.#byAddress.values())
      for (const { socket, leave } of all) {
        leave();
        socket.destroy();
      }
    this.#byAddress.clear();
    this.#size = 0;
  }

  #makeRoom(): void {
    let [most, longest] = ['', [] as Waiting[]];
    for (const [address, all] of this.#byAddress) if (all.length > longest.length) [most, longest] = [address, all];
    const latest = longest.at(-1);
    if (!latest) return;
    this.#remove(most, latest);
    latest.socket.destroy();
    this.#onCut();
  }

  #remove(address: string, waiting: Waiting): void {
    const all = this.#byAddress.get(address);
    const place = all?.indexOf(waiting) ?? -1;
    if (!all || place < 0) return;
    waiting.leave();
    all.splice(place, 1);
    this.#size -= 1;
    if (all.length === 0) this.#byAddress.delete(address);
  }
}
