import { createDecipheriv, createMac, type Decipheriv } from 'node:crypto';
import { bindOptional } from './built-in.ts';
import { holding, numericAddress } from './memory-address.ts';

/** Node 26 has it, its type definitions do not yet. */
declare module 'node:crypto' {
  function createMac(
    algorithm: 'poly1305',
    key: Uint8Array,
  ): { update(data: Uint8Array): { final(): Buffer }; final(): Buffer };
}

/**
 * Poly1305 and AES-256-CTR with contexts that are used again: Node's own API sets up a new one for each call, which for
 * 4 KiB costs five times as much as the work (12 µs against 2.7, measured). One per thread and key.
 */
export interface SealedBytes {
  /** True when the Poly1305 of the bytes under the one-time key of 32 bytes is the MAC of 16 bytes. */
  authentic(bytes: Uint8Array, check: { readonly oneTimeKey: Uint8Array; readonly mac: Uint8Array }): boolean;
  /** The Poly1305 of the bytes under a one-time key, 16 bytes that are valid until the next call. */
  mac(bytes: Uint8Array, oneTimeKey: Uint8Array): Uint8Array;
  /**
   * Decrypts into the beginning of `to`, which must not overlap. `nonce` has 16 bytes. In counter mode this encrypts as
   * well: both add the same stream.
   */
  decrypt(bytes: Uint8Array, key: { readonly nonce: Uint8Array; readonly to: Uint8Array }): void;
  /** Begins bytes that come in pieces. Nothing but `next` may be called until they end. */
  begin(key: { readonly nonce: Uint8Array; readonly oneTimeKey: Uint8Array }): void;
  /** The next piece: it counts for the MAC, and is decrypted into the beginning of `to`, which must not overlap. */
  next(piece: Uint8Array, to: Uint8Array): void;
  /** Ends the pieces; true when this is their MAC. What was decrypted is worth nothing before that. */
  end(mac: Uint8Array): boolean;
}

interface Functions {
  readonly macSize: () => number | bigint;
  readonly macInit: (context: number, key: number) => void;
  readonly macUpdate: (context: number, bytes: number, size: number) => void;
  readonly macFinal: (context: number, mac: number) => void;
  readonly newContext: () => number | bigint;
  readonly freeContext: (context: number) => void;
  readonly ctr: () => number | bigint;
  readonly init: (context: number, type: number, engine: number, key: number, nonce: number) => number;
  readonly update: (context: number, to: number, written: number, from: number, size: number) => number;
}

const macBytes = 16;

/** Contexts live outside of what the garbage collector sees. */
const registry = new FinalizationRegistry<() => void>((free) => free());

class Contexts implements SealedBytes {
  readonly #functions: Functions;
  readonly #cipher: number;
  readonly #macContext: Uint8Array;
  readonly #mac = new Uint8Array(macBytes);
  readonly #written = new Uint8Array(8);

  constructor(functions: Functions, encryptKey: Uint8Array) {
    this.#functions = functions;
    this.#macContext = new Uint8Array(Number(functions.macSize()) + 64);
    const cipher = Number(functions.newContext());
    this.#cipher = cipher;
    registry.register(this, () => functions.freeContext(cipher));
    const key = new Uint8Array(encryptKey);
    const isSet = holding(key, () => functions.init(cipher, Number(functions.ctr()), 0, numericAddress(key), 0) === 1);
    key.fill(0);
    if (!isSet) throw new RangeError('OpenSSL refused the key');
  }

  authentic(bytes: Uint8Array, check: { readonly oneTimeKey: Uint8Array; readonly mac: Uint8Array }): boolean {
    this.mac(bytes, check.oneTimeKey);
    return this.#isMac(check.mac);
  }

  mac(bytes: Uint8Array, oneTimeKey: Uint8Array): Uint8Array {
    this.#startMac(oneTimeKey);
    this.#updateMac(bytes);
    this.#endMac();
    return this.#mac;
  }

  decrypt(bytes: Uint8Array, key: { readonly nonce: Uint8Array; readonly to: Uint8Array }): void {
    this.#start(key.nonce);
    this.#goOn(bytes, key.to);
  }

  begin(key: { readonly nonce: Uint8Array; readonly oneTimeKey: Uint8Array }): void {
    this.#startMac(key.oneTimeKey);
    this.#start(key.nonce);
  }

  next(piece: Uint8Array, to: Uint8Array): void {
    this.#updateMac(piece);
    this.#goOn(piece, to);
  }

  end(mac: Uint8Array): boolean {
    this.#endMac();
    return this.#isMac(mac);
  }

  #startMac(oneTimeKey: Uint8Array): void {
    holding(oneTimeKey, () => this.#functions.macInit(numericAddress(this.#macContext), numericAddress(oneTimeKey)));
  }

  #updateMac(bytes: Uint8Array): void {
    holding(bytes, () =>
      this.#functions.macUpdate(numericAddress(this.#macContext), numericAddress(bytes), bytes.byteLength),
    );
  }

  #endMac(): void {
    this.#functions.macFinal(numericAddress(this.#macContext), numericAddress(this.#mac));
  }

  #start(nonce: Uint8Array): void {
    if (nonce.byteLength !== 16) throw new RangeError('a nonce has 16 bytes');
    const isSet = holding(nonce, () => this.#functions.init(this.#cipher, 0, 0, 0, numericAddress(nonce)) === 1);
    if (!isSet) throw new RangeError('OpenSSL refused the nonce');
  }

  #goOn(bytes: Uint8Array, to: Uint8Array): void {
    if (bytes.byteLength > to.byteLength) throw new RangeError('no room to decrypt');
    const isDone = holding([bytes, to], () => {
      const [into, written, from] = [numericAddress(to), numericAddress(this.#written), numericAddress(bytes)];
      return this.#functions.update(this.#cipher, into, written, from, bytes.byteLength) === 1;
    });
    if (!isDone) throw new RangeError('OpenSSL refused to decrypt');
  }

  #isMac(mac: Uint8Array): boolean {
    if (mac.byteLength !== macBytes) return false;
    let difference = 0;
    for (let at = 0; at < macBytes; at += 1) difference |= (mac[at] ?? 0) ^ (this.#mac[at] ?? 0);
    return difference === 0;
  }
}

/** Through Node's own API. */
export function sealedBytesByNode(encryptKey: Uint8Array): SealedBytes {
  let pieces: { readonly mac: ReturnType<typeof createMac>; readonly cipher: Decipheriv } | undefined;
  return {
    mac: (bytes, oneTimeKey) => createMac('poly1305', oneTimeKey).update(bytes).final(),
    authentic: (bytes, { oneTimeKey, mac }) => createMac('poly1305', oneTimeKey).update(bytes).final().equals(mac),
    decrypt: (bytes, { nonce, to }) => {
      if (bytes.byteLength > to.byteLength) throw new RangeError('no room to decrypt');
      if (bytes.byteLength > 0) to.set(createDecipheriv('aes-256-ctr', encryptKey, nonce).update(bytes));
    },
    begin: ({ nonce, oneTimeKey }) => {
      pieces = { mac: createMac('poly1305', oneTimeKey), cipher: createDecipheriv('aes-256-ctr', encryptKey, nonce) };
    },
    next: (piece, to) => {
      if (piece.byteLength > to.byteLength) throw new RangeError('no room to decrypt');
      pieces?.mac.update(piece);
      if (pieces !== undefined && piece.byteLength > 0) to.set(pieces.cipher.update(piece));
    },
    end: (mac) => pieces?.mac.final().equals(mac) === true,
  };
}

/** The faster way, where this build of Node exports what it needs and both ways agree; else through Node. */
export function sealedBytes(encryptKey: Uint8Array): SealedBytes {
  const byNode = sealedBytesByNode(encryptKey);
  const functions = bindAll();
  if (functions === undefined) return byNode;
  try {
    const contexts = new Contexts(functions, encryptKey);
    const sample = new Uint8Array(100).fill(7);
    const nonce = new Uint8Array(16).fill(9);
    const oneTimeKey = new Uint8Array(32).fill(5);
    const mac = createMac('poly1305', oneTimeKey).update(sample).final();
    const [fast, slow] = [contexts, byNode].map((way) => {
      const to = new Uint8Array(sample.byteLength);
      way.decrypt(sample, { nonce, to });
      return Buffer.from(to);
    });
    const agree = fast !== undefined && slow?.equals(fast) && contexts.authentic(sample, { oneTimeKey, mac });
    return agree ? contexts : byNode;
  } catch {
    // A build with another OpenSSL: nothing is lost but speed.
    return byNode;
  }
}

function bindAll(): Functions | undefined {
  const macSize = bindOptional<Functions['macSize']>('size_t Poly1305_ctx_size()');
  const macInit = bindOptional<Functions['macInit']>('void Poly1305_Init(uint64_t context, uint64_t key)');
  const macUpdate = bindOptional<Functions['macUpdate']>(
    'void Poly1305_Update(uint64_t context, uint64_t bytes, size_t size)',
  );
  const macFinal = bindOptional<Functions['macFinal']>('void Poly1305_Final(uint64_t context, uint64_t mac)');
  const newContext = bindOptional<Functions['newContext']>('uint64_t EVP_CIPHER_CTX_new()');
  const freeContext = bindOptional<Functions['freeContext']>('void EVP_CIPHER_CTX_free(uint64_t context)');
  const ctr = bindOptional<Functions['ctr']>('uint64_t EVP_aes_256_ctr()');
  const init = bindOptional<Functions['init']>(
    'int EVP_DecryptInit_ex(uint64_t context, uint64_t type, uint64_t engine, uint64_t key, uint64_t nonce)',
  );
  const update = bindOptional<Functions['update']>(
    'int EVP_DecryptUpdate(uint64_t context, uint64_t to, uint64_t written, uint64_t from, int size)',
  );
  if (!macSize || !macInit || !macUpdate || !macFinal) return undefined;
  if (!newContext || !freeContext || !ctr || !init || !update) return undefined;
  return { macSize, macInit, macUpdate, macFinal, newContext, freeContext, ctr, init, update };
}
