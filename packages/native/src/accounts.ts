import { bind, cString, readCString } from './library.ts';
import { maxAccountRecordSizeBytes, maxCachedAccounts } from './limits.ts';

/** Users and groups by number and name, as the system's name service knows them (NSS, Open Directory), remembered per thread. */

type ById = (id: number, record: Buffer, strings: Buffer, size: number, result: BigUint64Array) => number;
type ByName = (name: Buffer, record: Buffer, strings: Buffer, size: number, result: BigUint64Array) => number;

const lost = 'names of users and groups';
const parameters = 'void *record, void *strings, size_t size, void *result)';
const both = (prototype: string): { linux: string; darwin: string } => ({ linux: prototype, darwin: prototype });
const getpwuid = bind<ById>(lost, both(`int getpwuid_r(uint32_t id, ${parameters}`));
const getgrgid = bind<ById>(lost, both(`int getgrgid_r(uint32_t id, ${parameters}`));
const getpwnam = bind<ByName>(lost, both(`int getpwnam_r(void *name, ${parameters}`));
const getgrnam = bind<ByName>(lost, both(`int getgrnam_r(void *name, ${parameters}`));

/** Both `struct passwd` and `struct group` begin with two pointers, then the number, on 64-bit Linux and macOS. */
const idOffset = 16;
const record = Buffer.alloc(256);
const result = new BigUint64Array(1);
let strings = Buffer.alloc(4096);

function lookUp(call: (strings: Buffer) => number): boolean {
  for (;;) {
    result[0] = 0n;
    const code = call(strings);
    if (result[0] !== 0n) return true;
    // ERANGE is 34 on Linux and macOS. Everything else (0, ENOENT, ESRCH, EBADF, EPERM …) means: not found.
    if (code !== 34 || strings.length >= maxAccountRecordSizeBytes) return false;
    strings = Buffer.alloc(strings.length * 4);
  }
}

function cached<K, V>(find: (key: K) => V | undefined): (key: K) => V | undefined {
  const known = new Map<K, V | undefined>();
  return (key) => {
    if (known.has(key)) return known.get(key);
    const value = find(key);
    if (known.size >= maxCachedAccounts) known.clear();
    known.set(key, value);
    return value;
  };
}

const nameById = (call: () => ById) =>
  cached((id: number): string | undefined => {
    if (!lookUp((space) => call()(id, record, space, space.length, result))) return undefined;
    return readCString(record.readBigUInt64LE(0));
  });

const idByName = (call: () => ByName) =>
  cached((name: string): number | undefined => {
    const terminated = cString(name);
    if (!lookUp((space) => call()(terminated, record, space, space.length, result))) return undefined;
    return record.readUInt32LE(idOffset);
  });

/** The user's name, or undefined for a number without one. */
export const userName = nameById(getpwuid);
/** The group's name, or undefined for a number without one. */
export const groupName = nameById(getgrgid);
/** The user's number, or undefined for an unknown name. */
export const userId = idByName(getpwnam);
/** The group's number, or undefined for an unknown name. */
export const groupId = idByName(getgrnam);
