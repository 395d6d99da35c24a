/** Paths as bytes: names of files need not be UTF-8. */

const slash = 0x2f;
const root = Buffer.from('/');

export function joinPath(folder: Uint8Array, name: Uint8Array): Buffer {
  const separator = folder.at(-1) === slash ? 0 : 1;
  const joined = Buffer.allocUnsafe(folder.length + separator + name.length);
  joined.set(folder);
  if (separator === 1) joined[folder.length] = slash;
  joined.set(name, folder.length + separator);
  return joined;
}

/** The names of a path, without empty ones and '.'. */
export function splitPath(path: Uint8Array): Buffer[] {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  const names: Buffer[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const found = bytes.indexOf(slash, start);
    const end = found < 0 ? bytes.length : found;
    const name = bytes.subarray(start, end);
    if (name.length > 0 && !(name.length === 1 && name[0] === 0x2e)) names.push(name);
    start = end + 1;
  }
  return names;
}

/** The absolute path without '.', '..', and doubled or trailing slashes. Links are not followed. */
export function absolutePath(path: Uint8Array): Buffer {
  const from = path[0] === slash ? [] : splitPath(Buffer.from(process.cwd()));
  const names: Buffer[] = from;
  for (const name of splitPath(path)) {
    if (name.length === 2 && name[0] === 0x2e && name[1] === 0x2e) names.pop();
    else names.push(name);
  }
  return names.reduce(joinPath, root);
}

/** For people: bytes that are not UTF-8 become replacement characters. */
export function printPath(path: Uint8Array): string {
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength).toString();
}

/** Bytes of a path that came over a thread boundary, where Buffers arrive as plain arrays. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
