import { HoldfastError } from '@holdfast/core';
import { hpke } from './hpke.ts';
import type { KitKeys, KitSeal } from './kit-keys.ts';

/**
 * A stream that only the words of a kit open, and that only who has the kit's `authKey` can have made: HPKE (RFC 9180) in its
 * mode with a pre-shared key. A line in the clear, 32 bytes of the encapsulated key, then pieces: four bytes with the length of
 * the sealed piece, whose highest bit marks the last one, and the piece. The line and the mark are authenticated.
 */
const pieceBytes = 1024 * 1024;
const tagBytes = 16;
const encapsulatedBytes = 32;
const lastMark = 0x8000_0000;
const maxLineBytes = 4096;

const text = (value: string): ArrayBuffer => new Uint8Array(Buffer.from(value)).buffer;
const exact = (value: Uint8Array): ArrayBuffer => new Uint8Array(value).buffer;
const aad = (isLast: boolean): ArrayBuffer => text(isLast ? 'last' : 'more');
const psk = (kit: { id: string; authKey: string }) => ({
  id: text(kit.id),
  key: exact(Buffer.from(kit.authKey, 'base64url')),
});

/** `line` stands before everything else, in the clear, without a line break. */
export async function* sealStream(
  plain: AsyncIterable<Uint8Array>,
  o: { readonly line: string; readonly kit: KitSeal & { readonly authKey: string } },
): AsyncGenerator<Buffer> {
  const { line, kit } = o;
  const recipientPublicKey = await hpke.kem.deserializePublicKey(exact(Buffer.from(kit.publicKey, 'base64url')));
  const context = await hpke.createSenderContext({ recipientPublicKey, info: text(line), psk: psk(kit) });
  yield Buffer.concat([Buffer.from(`${line}\n`), new Uint8Array(context.enc)]);
  const seal = async (piece: Uint8Array, isLast: boolean): Promise<Buffer> => {
    const sealed = new Uint8Array(await context.seal(exact(piece), aad(isLast)));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(isLast ? (sealed.length | lastMark) >>> 0 : sealed.length);
    return Buffer.concat([length, sealed]);
  };
  let waiting = Buffer.alloc(0);
  for await (const bytes of plain) {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length > pieceBytes) {
      yield await seal(waiting.subarray(0, pieceBytes), false);
      waiting = waiting.subarray(pieceBytes);
    }
  }
  yield await seal(waiting, true);
}

/** The line in the clear of a sealed stream, not yet proven, and what opens the rest. Throws `configuration.damaged`. */
export async function readSealedStream(
  sealed: AsyncIterable<Uint8Array>,
): Promise<{ readonly line: string; readonly open: (kit: KitKeys) => AsyncGenerator<Buffer> }> {
  const reader = new PieceReader(sealed);
  const line = await reader.line();
  return { line, open: (kit) => openPieces(reader, line, kit) };
}

async function* openPieces(reader: PieceReader, line: string, kit: KitKeys): AsyncGenerator<Buffer> {
  const context = await hpke.createRecipientContext({
    recipientKey: kit.privateKey,
    enc: exact(await reader.take(encapsulatedBytes)),
    info: text(line),
    psk: psk(kit),
  });
  for (;;) {
    const mark = (await reader.take(4)).readUInt32BE();
    const isLast = mark >= lastMark;
    const length = isLast ? mark - lastMark : mark;
    if (length < tagBytes || length > pieceBytes + tagBytes) throw damaged('a piece has an impossible length');
    const piece = await reader.take(length);
    let plain: ArrayBuffer;
    try {
      plain = await context.open(exact(piece), aad(isLast));
    } catch (cause) {
      throw damaged('it does not open: it was changed, or made by somebody else', cause);
    }
    yield Buffer.from(plain);
    if (!isLast) continue;
    if (!(await reader.isAtEnd())) throw damaged('something follows its end');
    return;
  }
}

class PieceReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #waiting = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Buffer> {
    while (this.#waiting.length < length) if (!(await this.#more())) throw damaged('its end is missing');
    const taken = this.#waiting.subarray(0, length);
    this.#waiting = this.#waiting.subarray(length);
    return taken;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#waiting.indexOf('\n');
      if (end >= 0) return (await this.take(end + 1)).subarray(0, end).toString('utf8');
      if (this.#waiting.length > maxLineBytes || !(await this.#more())) throw damaged('it has no first line');
    }
  }

  async isAtEnd(): Promise<boolean> {
    return this.#waiting.length === 0 && !(await this.#more());
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#waiting = Buffer.concat([this.#waiting, next.value]);
      if (next.value.length > 0) return true;
    }
  }
}

function damaged(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('configuration.damaged', {
    message: `The configuration backup can't be used: ${why}.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
