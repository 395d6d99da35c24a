import { isUtf8 } from 'node:buffer';
import type { Node, NodeType } from '@holdfast/repository';
import { shownTime } from '../output.ts';

/** Lines as restic 0.19 prints them, so that scripts that read them carry over. */

/** Letters of Go's FileMode from bit 31 downwards (Go `io/fs`, FileMode.String). */
const modeLetters = 'dalTLDpSugct?';

/** Go's FileMode as text: `drwxr-xr-x`, `urwxr-xr-x` for setuid, `Lrwxrwxrwx` for links. */
export function goModeText(mode: number): string {
  let text = '';
  for (const [at, letter] of Array.from(modeLetters).entries())
    if (Math.floor(mode / 2 ** (31 - at)) % 2 === 1) text += letter;
  if (text === '') text = '-';
  const rights = 'rwxrwxrwx';
  for (const [at, letter] of Array.from(rights).entries()) text += (mode >> (8 - at)) & 1 ? letter : '-';
  return text;
}

const units = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `512 B`, `1.500 KiB`: restic's three digits. */
export function resticBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(3)} ${units[unit]}`;
}

/** The type's bit, which very old programs did not store. */
const typeBits: Readonly<Record<NodeType, number>> = {
  file: 0,
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  irregular: 0,
};

/** One entry of `ls` and `find`. */
export function nodeLine(
  path: Buffer,
  node: Node,
  options: { readonly long?: boolean | undefined; readonly humanReadable?: boolean | undefined },
): string {
  if (!options.long) return printable(path);
  const size = node.size ?? 0n;
  const shownSize = options.humanReadable ? resticBytes(size) : String(size).padStart(6);
  // Sums of powers of two: `|` would make bit 31 negative.
  const mode = (node.mode | typeBits[node.type]) >>> 0;
  const target = node.type === 'symlink' ? ` -> ${printable(node.linkTarget ?? Buffer.alloc(0))}` : '';
  const owner = `${String(node.uid).padStart(5)} ${String(node.gid).padStart(5)}`;
  return `${goModeText(mode)} ${owner} ${shownSize} ${shownTime(node.mtime)} ${printable(path)}${target}`;
}

/** A name from a backup must not be able to steer the terminal. */
export function printable(bytes: Buffer): string {
  return bytes
    .toString()
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** A path in JSON; where it is not UTF-8 a second field holds its bytes, which restic leaves out. */
export function jsonPath(path: Buffer): { readonly path: string; readonly pathBase64?: string } {
  return { path: path.toString(), ...(isUtf8(path) ? {} : { pathBase64: path.toString('base64') }) };
}
