/** Tags of an entry of Linux's binary ACLs (linux/posix_acl_xattr.h). */
const tags: ReadonlyMap<number, { readonly name: string; readonly withId: boolean }> = new Map([
  [0x01, { name: 'user', withId: false }],
  [0x02, { name: 'user', withId: true }],
  [0x04, { name: 'group', withId: false }],
  [0x08, { name: 'group', withId: true }],
  [0x10, { name: 'mask', withId: false }],
  [0x20, { name: 'other', withId: false }],
]);
const version = 2;

/** The long text form of POSIX.1e, with numbers for users and groups; undefined for anything that is no such ACL. */
export function aclText(value: Uint8Array): string | undefined {
  const acl = Buffer.from(value);
  if (acl.length < 4 || (acl.length - 4) % 8 !== 0 || acl.readUInt32LE(0) !== version) return undefined;
  let text = '';
  for (let at = 4; at < acl.length; at += 8) {
    const tag = tags.get(acl.readUInt16LE(at));
    if (tag === undefined) return undefined;
    const rights = acl.readUInt16LE(at + 2);
    const letters = `${rights & 4 ? 'r' : '-'}${rights & 2 ? 'w' : '-'}${rights & 1 ? 'x' : '-'}`;
    text += `${tag.name}:${tag.withId ? acl.readUInt32LE(at + 4) : ''}:${letters}\n`;
  }
  return text;
}
