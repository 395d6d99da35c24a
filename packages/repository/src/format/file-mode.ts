/**
 * Go's FileMode, which restic stores, and the st_mode of Unix. Go keeps the nine permission bits and puts the rest
 * at bits of its own (Go `io/fs`, FileMode); bit 31 makes it exceed a signed 32-bit integer.
 */

const goBits: readonly (readonly [unix: number, go: number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

const unixTypeMask = 0o170000;
const goDirectory = 2 ** 31;
const goSymlink = 2 ** 27;
const goDevice = 2 ** 26;
const goFifo = 2 ** 25;
const goSocket = 2 ** 24;
const goCharacterDevice = 2 ** 21;
const goIrregular = 2 ** 19;

/** By st_mode's type. */
const goTypes: ReadonlyMap<number, number> = new Map([
  [0o100000, 0],
  [0o040000, goDirectory],
  [0o120000, goSymlink],
  [0o060000, goDevice],
  [0o020000, goDevice + goCharacterDevice],
  [0o010000, goFifo],
  [0o140000, goSocket],
]);

/** Go's FileMode of an st_mode; types that Unix has and Go does not know are irregular. */
export function goFileMode(unixMode: number): number {
  let mode = (unixMode & 0o777) + (goTypes.get(unixMode & unixTypeMask) ?? goIrregular);
  for (const [unix, go] of goBits) if ((unixMode & unix) !== 0) mode += go;
  return mode;
}

/** The permission bits of an st_mode, 0 to 0o7777, of Go's FileMode. The type is the node's. */
export function unixPermissions(goMode: number): number {
  let mode = goMode & 0o777;
  for (const [unix, go] of goBits) if ((goMode & go) !== 0) mode |= unix;
  return mode;
}
