import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { HoldfastError } from '@holdfast/core';
import { readExactly, type WaitOptions } from '../waiting.ts';
import { maxSecretBytes, minSecretBytes } from './limits.ts';

/**
 * How both ends know each other, inside TLS that proves nothing by itself (the listener's certificate is made on the spot). Each
 * proves that it has the secret of this check, over nonces of both, and once more over keys that only the two ends of one TLS
 * connection have (RFC 5705, RFC 9266): whoever has the secret but another TLS connection is behind somebody who intercepts it.
 *
 *     dialler  -> listener   magic, name of the key, nonce
 *     listener -> dialler    nonce, proof, bound proof
 *     dialler  -> listener   proof, bound proof
 */

const magic = Buffer.from('HFPROBE2');
const nameBytes = 16;
const nonceBytes = 32;
const proofBytes = 32;

export interface ProbeKey {
  /** What a listener with many keys finds it by; derived as the key is, and tells nothing of it. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** @throws `usage.option` for a secret that could be guessed. */
export function probeKey(secret: Uint8Array): ProbeKey {
  if (secret.length < minSecretBytes || secret.length > maxSecretBytes)
    throw new HoldfastError('usage.option', {
      message: `The secret has ${secret.length} bytes; it takes ${minSecretBytes} to ${maxSecretBytes} random ones.`,
      guidance: 'Make one, and copy it to both computers: openssl rand -base64 32 > FILE',
    });
  const derive = (info: string, sizeBytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', info, sizeBytes));
  return { name: derive('holdfast probe 2 name', nameBytes).toString('hex'), bytes: derive('holdfast probe 2', 32) };
}

/** `intercepted`: the other end has the secret, but is not the other end of this TLS connection. */
export type Proof = 'proven' | 'intercepted' | 'unproven';

interface Nonces {
  readonly dialler: Buffer;
  readonly listener: Buffer;
}

function proofs(key: ProbeKey, who: 'dialler' | 'listener', nonces: Nonces, socket: TLSSocket): Buffer {
  const said = Buffer.concat([Buffer.from(`${who} `), nonces.dialler, nonces.listener]);
  const channel = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  return Buffer.concat([
    createHmac('sha256', key.bytes).update(said).digest(),
    createHmac('sha256', key.bytes).update('bound ').update(said).update(channel).digest(),
  ]);
}

function judge(expected: Buffer, given: Buffer): Proof {
  const bound = timingSafeEqual(expected.subarray(proofBytes), given.subarray(proofBytes));
  if (!timingSafeEqual(expected.subarray(0, proofBytes), given.subarray(0, proofBytes))) return 'unproven';
  return bound ? 'proven' : 'intercepted';
}

export async function proveToListener(socket: TLSSocket, key: ProbeKey, o: WaitOptions): Promise<Proof> {
  const dialler = randomBytes(nonceBytes);
  socket.write(Buffer.concat([magic, Buffer.from(key.name, 'hex'), dialler]));
  const answer = await readExactly(socket, nonceBytes + 2 * proofBytes, o);
  const nonces = { dialler, listener: answer.subarray(0, nonceBytes) };
  const judged = judge(proofs(key, 'listener', nonces, socket), answer.subarray(nonceBytes));
  if (judged === 'proven') socket.write(proofs(key, 'dialler', nonces, socket));
  return judged;
}

/** `find`: the key of that name. Who names none is answered all the same, with a proof of nothing. */
export async function proveToDialler(
  socket: TLSSocket,
  find: (name: string) => ProbeKey | undefined,
  o: WaitOptions,
): Promise<ProbeKey | undefined> {
  const hello = await readExactly(socket, magic.length + nameBytes + nonceBytes, o);
  if (!hello.subarray(0, magic.length).equals(magic)) return undefined;
  const known = find(hello.subarray(magic.length, magic.length + nameBytes).toString('hex'));
  const key = known ?? probeKey(randomBytes(minSecretBytes));
  const nonces = { dialler: hello.subarray(magic.length + nameBytes), listener: randomBytes(nonceBytes) };
  socket.write(Buffer.concat([nonces.listener, proofs(key, 'listener', nonces, socket)]));
  const given = await readExactly(socket, 2 * proofBytes, o);
  return judge(proofs(key, 'dialler', nonces, socket), given) === 'proven' ? known : undefined;
}

/** What a dialler who has proven itself asks for: one byte, and a number that not every command needs. */
export type Command =
  /** Whom the listener sees. */
  | { readonly kind: 'observe' }
  /** What is on all of the listener's ports. */
  | { readonly kind: 'report' }
  /** One record follows; it confirms it. */
  | { readonly kind: 'take'; readonly bytes: number }
  /** It sends one record. */
  | { readonly kind: 'give'; readonly bytes: number }
  | { readonly kind: 'echo' };

const kinds = ['observe', 'report', 'take', 'give', 'echo'] as const;
const commandBytes = 5;

export function sendCommand(stream: Duplex, command: Command): void {
  const frame = Buffer.alloc(commandBytes);
  frame.writeUInt8(kinds.indexOf(command.kind));
  if ('bytes' in command) frame.writeUInt32BE(command.bytes, 1);
  stream.write(frame);
}

/** Undefined for what is no command. */
export async function readCommand(stream: Duplex, o: WaitOptions): Promise<Command | undefined> {
  const frame = await readExactly(stream, commandBytes, o);
  const kind = kinds[frame.readUInt8()];
  const bytes = frame.readUInt32BE(1);
  switch (kind) {
    case 'take':
    case 'give':
      return { kind, bytes };
    case undefined:
      return undefined;
    default:
      return { kind };
  }
}

/** An answer of unknown length. */
export function sendText(stream: Duplex, text: string): void {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  stream.write(Buffer.concat([length, bytes]));
}
