/** Says that a text does not stand as programs write it; another reader has to look at it. */
export class NotCanonical extends Error {}

/** A piece of text as words of four bytes, the last of which may overlap the one before. */
export interface Pattern {
  readonly sizeBytes: number;
  readonly at: readonly number[];
  readonly words: readonly number[];
}

/** Of at least four characters, all ASCII. */
export function pattern(text: string): Pattern {
  const bytes = Buffer.from(text);
  const at: number[] = [];
  for (let from = 0; from < bytes.byteLength; from += 4) at.push(Math.min(from, bytes.byteLength - 4));
  return { sizeBytes: bytes.byteLength, at, words: at.map((from) => bytes.readInt32LE(from)) };
}

const notHex = 256;
const maxUint32 = 0xffffffff;
const zero = 0x30;

/** The byte of two hexadecimal digits by their codes, the first one in the lower half; capitals are none. */
const bytesOfDigits = new Uint16Array(2 ** 16).fill(notHex);
for (let byte = 0; byte < 256; byte += 1)
  bytesOfDigits[Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE()] = byte;

/** Goes through JSON that has exactly one form, four bytes at a time. Everything throws `NotCanonical` where it differs. */
export class CanonicalText {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  get at(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The code of the next character; -1 at the end. */
  get next(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** A view of what was passed from a place on. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.#at);
  }

  skip(code: number): void {
    if (this.#bytes[this.#at] !== code) throw new NotCanonical();
    this.#at += 1;
  }

  expect({ sizeBytes, at, words }: Pattern): void {
    const from = this.#at;
    if (from + sizeBytes > this.#end) throw new NotCanonical();
    const view = this.#view;
    let difference = 0;
    for (let word = 0; word < words.length; word += 1)
      difference |= view.getInt32(from + (at[word] ?? 0), true) ^ (words[word] ?? 0);
    if (difference !== 0) throw new NotCanonical();
    this.#at = from + sizeBytes;
  }

  /** The 64 digits of an id, as eight words of memory. */
  takeId(to: Uint32Array, first: number): void {
    let from = this.#at;
    if (from + 64 > this.#end) throw new NotCanonical();
    const view = this.#view;
    let all = 0;
    for (let word = first; word < first + 8; word += 1) {
      const a = bytesOfDigits[view.getUint16(from, true)] ?? notHex;
      const b = bytesOfDigits[view.getUint16(from + 2, true)] ?? notHex;
      const c = bytesOfDigits[view.getUint16(from + 4, true)] ?? notHex;
      const d = bytesOfDigits[view.getUint16(from + 6, true)] ?? notHex;
      all |= a | b | c | d;
      to[word] = a | (b << 8) | (c << 16) | (d << 24);
      from += 8;
    }
    if (all >= notHex) throw new NotCanonical();
    this.#at = from;
  }

  /** A number of 32 bits. JSON's have no zeros before them. */
  takeNumber(): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (let digit = (bytes[at] ?? 0) - zero; digit >= 0 && digit <= 9; digit = (bytes[at] ?? 0) - zero) {
      value = value * 10 + digit;
      at += 1;
      if (at - from > 10) throw new NotCanonical();
    }
    if (at === from || (bytes[from] === zero && at > from + 1) || value > maxUint32) throw new NotCanonical();
    this.#at = at;
    return value;
  }
}
