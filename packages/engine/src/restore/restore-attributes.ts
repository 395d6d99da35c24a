import { groupId, userId } from '@holdfast/native';
import { type Node, parseTime, unixPermissions } from '@holdfast/repository';
import { asBuffer } from '../byte-path.ts';
import type { Attributes } from './restore-jobs.ts';

const [setUserId, setGroupId] = [0o4000, 0o2000];

/** A node as the system takes it. Times of year 0 are restic's "not known"; the tree's own check has refused what is no time. */
export function attributesOf(node: Node, { ownersByName }: { readonly ownersByName: boolean }): Attributes {
  const modifiedNs = parseTime(node.mtime) ?? 0n;
  const uid = ownersByName ? userId(node.user ?? '') : node.uid;
  const gid = ownersByName ? groupId(node.group ?? '') : node.gid;
  // Who is not known here becomes root, as with restic; a program that runs with the rights of its owner must not.
  const dropped = (uid === undefined ? setUserId : 0) | (gid === undefined ? setGroupId : 0);
  return {
    type: node.type,
    permissions: unixPermissions(node.mode) & ~dropped,
    uid: uid ?? 0,
    gid: gid ?? 0,
    modifiedNs,
    accessedNs: node.atime === node.mtime ? modifiedNs : (parseTime(node.atime) ?? 0n),
    extendedAttributes: node.extendedAttributes,
    linkTarget: node.linkTarget && asBuffer(node.linkTarget),
    device: node.device,
  };
}
