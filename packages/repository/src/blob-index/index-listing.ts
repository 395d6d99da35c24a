import { sealOverheadBytes } from '../format/blob-cipher.ts';
import { decodeIndex, encodePackEntry, shortestBlobEntryBytes } from '../format/index-file.ts';
import { idSizeBytes, type ObjectId, objectIdOf } from '../format/object-id.ts';
import { CanonicalText, NotCanonical, pattern } from './canonical-text.ts';

/** Words of a blob: id (8, as they lie in memory), offset, sealed length, uncompressed length, 1 for a tree. */
const blobWords = 12;
const idWords = 8;
const maxUint32 = 0xffffffff;

/** A pack as an index file lists it. */
export interface ListedPack {
  readonly id: ObjectId;
  /** Its blobs are the numbers from `first` to before `end`. */
  readonly first: number;
  readonly end: number;
  /** Where the last of its blobs ends. */
  readonly endBytes: number;
  /** What an index file has to say about it; valid until the next file. */
  readonly text: Uint8Array;
}

/** Numbers become words of memory by their lowest byte first, as on nearly every processor that there is a Node for. */
const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

const beginning = pattern('{"packs":[');
const idField = pattern('{"id":"');
const blobsField = pattern('","blobs":[');
const typeField = pattern('","type":"');
const dataOffsetField = pattern('data","offset":');
const treeOffsetField = pattern('tree","offset":');
const lengthField = pattern(',"length":');
const uncompressedField = pattern(',"uncompressed_length":');
const [comma, bracket, brace, newLine, letterT] = [0x2c, 0x5d, 0x7d, 0x0a, 0x74];

/**
 * What one index file lists, in memory that is used again for the next one: 48 bytes for a blob and no object. A file that
 * stands exactly as restic and Holdfast write it is scanned in a tenth of the time of `decodeIndex`, which reads all others.
 */
export class IndexListing {
  #packs: ListedPack[] = [];
  #words = new Uint32Array(0);
  #idBytes = new Uint8Array(0);

  /** Without those that have no blobs, which are none that anybody could use. */
  get packs(): readonly ListedPack[] {
    return this.#packs;
  }

  get blobCount(): number {
    return this.#packs.at(-1)?.end ?? 0;
  }

  /** Eight words of the id of a blob begin at `wordAt(blob)`. */
  get words(): Uint32Array {
    return this.#words;
  }

  wordAt(blob: number): number {
    return blob * blobWords;
  }

  /** A view; valid until the next file. */
  idOf(blob: number): Uint8Array {
    const at = blob * blobWords * 4;
    return this.#idBytes.subarray(at, at + idSizeBytes);
  }

  offsetOf(blob: number): number {
    return this.#words[blob * blobWords + idWords] ?? 0;
  }

  lengthOf(blob: number): number {
    return this.#words[blob * blobWords + idWords + 1] ?? 0;
  }

  uncompressedLengthOf(blob: number): number {
    return this.#words[blob * blobWords + idWords + 2] ?? 0;
  }

  isTree(blob: number): boolean {
    return this.#words[blob * blobWords + idWords + 3] === 1;
  }

  /** Takes in a file of any form. What it has given before is no longer valid. @throws repository.damaged */
  read(plain: Uint8Array, where: string): void {
    if (!this.scan(plain)) this.#decode(plain, where);
  }

  /** Takes in a file that stands exactly as programs write it. False for every other form: then it lists nothing. */
  scan(plain: Uint8Array): boolean {
    if (!isLittleEndian) return false;
    this.#reserve(Math.ceil(plain.byteLength / shortestBlobEntryBytes));
    try {
      this.#scanFile(plain);
      return true;
    } catch (error) {
      this.#packs = [];
      if (error instanceof NotCanonical) return false;
      throw error;
    }
  }

  #decode(plain: Uint8Array, where: string): void {
    const packs = decodeIndex(plain, where);
    this.#reserve(packs.reduce((sum, { blobs }) => sum + blobs.length, 0));
    let blob = 0;
    for (const pack of packs) {
      const first = blob;
      let endBytes = 0;
      for (const { id, type, offset, length, uncompressedLength } of pack.blobs) {
        this.#idBytes.set(Buffer.from(id, 'hex'), blob * blobWords * 4);
        this.#words.set([offset, length, uncompressedLength, type === 'tree' ? 1 : 0], blob * blobWords + idWords);
        endBytes = Math.max(endBytes, offset + length);
        blob += 1;
      }
      if (blob > first) this.#packs.push({ id: pack.id, first, end: blob, endBytes, text: encodePackEntry(pack) });
    }
  }

  #reserve(blobs: number): void {
    this.#packs = [];
    if (this.#words.length >= blobs * blobWords) return;
    this.#words = new Uint32Array(blobs * blobWords);
    this.#idBytes = new Uint8Array(this.#words.buffer);
  }

  #scanFile(plain: Uint8Array): void {
    const text = new CanonicalText(plain);
    text.expect(beginning);
    let blob = 0;
    if (text.next !== bracket)
      for (;;) {
        blob = this.#scanPack(text, blob);
        if (text.next !== comma) break;
        text.skip(comma);
      }
    text.skip(bracket);
    text.skip(brace);
    // Go ends what it writes with a new line.
    if (text.next === newLine) text.skip(newLine);
    if (!text.atEnd) throw new NotCanonical();
  }

  /** Gives the number of the blob after its last one. */
  #scanPack(text: CanonicalText, first: number): number {
    const from = text.at;
    let blob = first;
    let endBytes = 0;
    text.expect(idField);
    const packId = new Uint32Array(idWords);
    text.takeId(packId, 0);
    text.expect(blobsField);
    if (text.next !== bracket)
      for (;;) {
        endBytes = Math.max(endBytes, this.#scanBlob(text, blob * blobWords));
        blob += 1;
        if (text.next !== comma) break;
        text.skip(comma);
      }
    text.skip(bracket);
    text.skip(brace);
    const id = objectIdOf(new Uint8Array(packId.buffer));
    if (blob > first) this.#packs.push({ id, first, end: blob, endBytes, text: text.since(from) });
    return blob;
  }

  /** Gives where the blob ends. */
  #scanBlob(text: CanonicalText, at: number): number {
    const words = this.#words;
    text.expect(idField);
    text.takeId(words, at);
    text.expect(typeField);
    const isTree = text.next === letterT;
    text.expect(isTree ? treeOffsetField : dataOffsetField);
    const offset = text.takeNumber();
    text.expect(lengthField);
    const length = text.takeNumber();
    let uncompressedLength = 0;
    if (text.next === comma) {
      text.expect(uncompressedField);
      uncompressedLength = text.takeNumber();
    }
    text.skip(brace);
    // What cannot be is left to the reader that says so.
    if (length < sealOverheadBytes || offset + length > maxUint32) throw new NotCanonical();
    words[at + idWords] = offset;
    words[at + idWords + 1] = length;
    words[at + idWords + 2] = uncompressedLength;
    words[at + idWords + 3] = isTree ? 1 : 0;
    return offset + length;
  }
}
