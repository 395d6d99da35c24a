import { type FolderProbe, groupName, userName } from '@holdfast/native';
import { encodeNode, goFileMode, goJsonString, type Node, quoteName } from '@holdfast/repository/format';
import { maxTimeChars, writeLocalTime } from './local-time.ts';

const plainByte = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && !'"\\<>&'.includes(String.fromCharCode(byte)) ? 1 : 0,
);
const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const nameKey = ascii('{"name":"');
const fileType = ascii('","type":"file"');
const folderType = ascii('","type":"dir"');
const modeKey = ascii(',"mode":');
const mtimeKey = ascii(',"mtime":"');
const atimeKey = ascii('","atime":"');
const ctimeKey = ascii('","ctime":"');
const inodeKey = ascii(',"inode":');
const sizeKey = ascii(',"size":');
const linksKey = ascii(',"links":');
const fileEnd = ascii(',"content":');
const folderEnd = ascii(',"content":null,"subtree":"');
/** All keys and numbers of a node, and three times. */
const fixedChars = 400 + 3 * maxTimeChars;

/** `","uid":0,…`: what stands between the last time and the inode's number. */
export function ownerText(uid: number, gid: number): Uint8Array {
  const [user, group] = [userName(uid), groupName(gid)];
  let text = `","uid":${uid},"gid":${gid}`;
  if (user) text += `,"user":${goJsonString(user)}`;
  if (group) text += `,"group":${goJsonString(group)}`;
  return ascii(text);
}

/** What a probe has seen; the numbers are exact. */
export type SeenEntry = Pick<
  FolderProbe,
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'ino'
  | 'size'
  | 'device'
  | 'mtimeSeconds'
  | 'mtimeNanos'
  | 'ctimeSeconds'
  | 'ctimeNanos'
>;

/**
 * The text of a node up to what it contains: up to the list of a file's content, the id of a folder's tree, or the end.
 * It lies in memory that is used again, because nearly every one is only compared with the text of the parent snapshot.
 */
export class NodeText {
  #bytes = Buffer.alloc(8192);
  #length = 0;
  #nameEnd = 0;
  #owner: { readonly uid: number; readonly gid: number; readonly text: Uint8Array } | undefined;

  get length(): number {
    return this.#length;
  }

  /** True when this text stands at that place of another one. */
  isAt(text: Uint8Array, place: number): boolean {
    const bytes = this.#bytes;
    // A loop beats a call for so few bytes. What differs mostly does so in a time or in the size, so nothing is won by looking
    // at some bytes first.
    for (let at = 0; at < this.#length; at += 1) if (text[place + at] !== bytes[at]) return false;
    return true;
  }

  /** The name as it stands there, without its quotes, one character for each byte. */
  get name(): string {
    return this.#bytes.toString('latin1', nameKey.length, this.#nameEnd);
  }

  toString(): string {
    return this.#bytes.toString('utf8', 0, this.#length);
  }

  /** Any node. */
  setNode(node: Node): void {
    const json = encodeNode(node);
    const text = node.type === 'dir' ? `${json.slice(0, -1)},"subtree":"` : json.slice(0, node.content ? -3 : -1);
    this.#length = 0;
    this.#reserve(Buffer.byteLength(text));
    this.#length = this.#bytes.write(text);
    this.#nameEnd = this.#bytes.indexOf('","type":"');
  }

  /**
   * A file or folder without extended attributes, as it was looked at last: the same as `describeFile` and `setNode` give,
   * at a tenth of the cost.
   */
  setPlain(name: string, seen: SeenEntry): void {
    const isFolder = (seen.mode & 0o170000) === 0o040000;
    this.#length = 0;
    // A byte of a name becomes six characters at most: \u003c.
    this.#reserve(fixedChars + name.length * 6);
    this.#put(nameKey);
    this.#putName(name);
    this.#nameEnd = this.#length;
    this.#put(isFolder ? folderType : fileType);
    const mode = goFileMode(seen.mode);
    if (mode !== 0) this.#putField(modeKey, mode);
    this.#put(mtimeKey);
    const mtimeAt = this.#length;
    this.#length = writeLocalTime(this.#bytes, mtimeAt, seen.mtimeSeconds, seen.mtimeNanos);
    const mtimeEnd = this.#length;
    this.#put(atimeKey);
    this.#bytes.copyWithin(this.#length, mtimeAt, mtimeEnd);
    this.#length += mtimeEnd - mtimeAt;
    this.#put(ctimeKey);
    this.#length = writeLocalTime(this.#bytes, this.#length, seen.ctimeSeconds, seen.ctimeNanos);
    this.#putOwner(seen.uid, seen.gid);
    if (seen.ino !== 0) this.#putField(inodeKey, seen.ino);
    if (isFolder) {
      this.#put(folderEnd);
      return;
    }
    if (seen.nlink > 1 && seen.device !== 0n) this.#put(ascii(`,"device_id":${seen.device}`));
    if (seen.size !== 0) this.#putField(sizeKey, seen.size);
    if (seen.nlink !== 0) this.#putField(linksKey, seen.nlink);
    this.#put(fileEnd);
  }

  #put(text: Uint8Array): void {
    const bytes = this.#bytes;
    let at = this.#length;
    // A loop beats `set` for so few bytes.
    for (let from = 0; from < text.length; from += 1, at += 1) bytes[at] = text[from] ?? 0;
    this.#length = at;
  }

  #putField(key: Uint8Array, value: number): void {
    this.#put(key);
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits += 1;
    for (let rest = value, at = this.#length + digits - 1; at >= this.#length; at -= 1) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = rest - tenth * 10 + 0x30;
      rest = tenth;
    }
    this.#length += digits;
  }

  #putName(name: string): void {
    const bytes = this.#bytes;
    const start = this.#length;
    for (let at = 0; at < name.length; at += 1) {
      const byte = name.charCodeAt(at);
      if (plainByte[byte] !== 1) {
        const json = goJsonString(quoteName(Buffer.from(name, 'latin1')));
        this.#length = start + bytes.write(json.slice(1, -1), start);
        return;
      }
      bytes[start + at] = byte;
    }
    this.#length = start + name.length;
  }

  /** The files of a folder mostly have one owner. */
  #putOwner(uid: number, gid: number): void {
    if (this.#owner === undefined || this.#owner.uid !== uid || this.#owner.gid !== gid)
      this.#owner = { uid, gid, text: ownerText(uid, gid) };
    this.#reserve(this.#owner.text.length + fixedChars);
    this.#put(this.#owner.text);
  }

  /** Keeps what is there. */
  #reserve(chars: number): void {
    if (this.#length + chars <= this.#bytes.length) return;
    const larger = Buffer.alloc((this.#length + chars) * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
