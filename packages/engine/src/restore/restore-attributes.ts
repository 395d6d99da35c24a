import { groupId, userId } from '@holdfast/native';
import { type Node, parseTime, unixPermissions } from '@holdfast/repository';
import { asBuffer } from '../byte-path.ts';
import type { Attributes } from './restore-jobs.ts';

/** A node as the system takes it. Times of year 0 are restic's "not known"; the tree's own check has refused what is no time. */
export function attributesOf(node: Node, { ownersByName }: { readonly ownersByName: boolean }): Attributes {
  const modifiedNs = parseTime(node.mtime) ?? 0n;
  return {
    type: node.type,
    permissions: unixPermissions(node.mode),
    // restic's as well: whoever is not known here is root.
    uid: ownersByName ? (userId(node.user ?? '') ?? 0) : node.uid,
    gid: ownersByName ? (groupId(node.group ?? '') ?? 0) : node.gid,
    modifiedNs,
    accessedNs: node.atime === node.mtime ? modifiedNs : (parseTime(node.atime) ?? 0n),
    extendedAttributes: node.extendedAttributes,
    linkTarget: node.linkTarget && asBuffer(node.linkTarget),
    device: node.device,
  };
}
