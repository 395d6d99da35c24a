import { isUtf8 } from 'node:buffer';
import { HoldfastError } from '@holdfast/core';

/** Text as Go's `encoding/json` and `strconv.Quote` write it, so that our trees get the ids that restic's would get. */

const htmlEscapes = /[<>&\u2028\u2029]/g;
const htmlSensitive = /[<>&\u2028\u2029]/;

/** Go escapes these five in JSON wherever they stand; in JSON they stand in strings only. */
export function escapeJsonLikeGo(json: string): string {
  if (!htmlSensitive.test(json)) return json;
  return json.replace(htmlEscapes, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Neither escaped by JSON nor by Go. */
const plainText = /^[ !#-%'-;=?-[\]-~]*$/;

/** A JSON string, with its quotes. */
export function goJsonString(text: string): string {
  if (plainText.test(text)) return `"${text}"`;
  return escapeJsonLikeGo(JSON.stringify(text));
}

const plainName = /^[ !#-[\]-~]*$/;
/** Go's IsPrint: letters, marks, numbers, punctuation, symbols, and the ASCII space. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x0b, '\\v'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/** `strconv.Quote` without the quotes: any bytes become valid, printable text. */
export function quoteName(name: Uint8Array): string {
  const bytes = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  if (isUtf8(bytes)) {
    const text = bytes.toString('utf8');
    return plainName.test(text) ? text : quoteText(text);
  }
  let quoted = '';
  for (let at = 0; at < bytes.byteLength; ) {
    const length = runeLength(bytes, at);
    if (length === 0) {
      quoted += `\\x${bytes.toString('hex', at, at + 1)}`;
      at += 1;
    } else {
      quoted += quoteText(bytes.toString('utf8', at, at + length));
      at += length;
    }
  }
  return quoted;
}

function quoteText(text: string): string {
  let quoted = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const short = shortEscapes.get(code);
    if (short !== undefined) quoted += short;
    else if (printable.test(char)) quoted += char;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return quoted;
}

/** A JSON string of bytes that may not be UTF-8: Go puts one escaped U+FFFD for each wrong byte. */
export function goJsonBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return goJsonString(bytes.toString('utf8'));
  let json = '"';
  for (let at = 0; at < bytes.byteLength; ) {
    const length = runeLength(bytes, at);
    json += length === 0 ? '\\ufffd' : goJsonString(bytes.toString('utf8', at, at + length)).slice(1, -1);
    at += Math.max(1, length);
  }
  return `${json}"`;
}

/** Length of the UTF-8 sequence at a place, 0 when there is none. */
function runeLength(bytes: Buffer, at: number): number {
  const lead = bytes[at] ?? 0;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.byteLength && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

const escapeLengths: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

/** The bytes of a quoted name, as `strconv.Unquote` reads them. @throws repository.damaged */
export function unquoteName(quoted: string): Buffer {
  if (plainName.test(quoted)) return Buffer.from(quoted, 'latin1');
  const pieces: Buffer[] = [];
  const malformed = (): HoldfastError =>
    new HoldfastError('repository.damaged', {
      message: `The name ${JSON.stringify(quoted.slice(0, 200))} in a tree is not quoted rightly.`,
    });
  for (let at = 0; at < quoted.length; ) {
    const end = quoted.indexOf('\\', at);
    const plain = quoted.slice(at, end < 0 ? quoted.length : end);
    if (plain.includes('"') || plain.includes('\n')) throw malformed();
    if (plain !== '') pieces.push(Buffer.from(plain, 'utf8'));
    if (end < 0) break;
    const [piece, next] = unescapeAt(quoted, end + 1, malformed);
    pieces.push(piece);
    at = next;
  }
  return Buffer.concat(pieces);
}

/** What stands after a backslash: its bytes, and where the text goes on. */
function unescapeAt(quoted: string, at: number, malformed: () => HoldfastError): [Buffer, number] {
  const kind = quoted[at] ?? '';
  for (const [code, short] of shortEscapes) if (short[1] === kind) return [Buffer.of(code), at + 1];
  const octal = /^[0-3][0-7]{2}/.exec(quoted.slice(at, at + 3));
  if (octal !== null) return [Buffer.of(Number.parseInt(octal[0], 8)), at + 3];
  const length = escapeLengths.get(kind);
  if (length === undefined) throw malformed();
  const digits = quoted.slice(at + 1, at + 1 + length);
  if (digits.length !== length || !/^[0-9a-fA-F]+$/.test(digits)) throw malformed();
  const code = Number.parseInt(digits, 16);
  if (kind === 'x') return [Buffer.of(code), at + 1 + length];
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw malformed();
  return [Buffer.from(String.fromCodePoint(code), 'utf8'), at + 1 + length];
}
