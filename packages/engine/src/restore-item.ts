import fs from 'node:fs';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { listXattrs, makeSpecialFile, removeXattr, setTimes, writeXattr } from '@holdfast/native';
import { asBuffer } from './byte-path.ts';
import { reason } from './problem.ts';
import type { Attributes, Item, Overwrite } from './restore-jobs.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
const linux = process.platform === 'linux';
/** Linux: a descriptor that only names the file, whatever it is and without opening it (open(2)). */
const O_PATH = 0o10000000;
const createFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
const defaultAcl = 'system.posix_acl_default';
const aclNames = ['system.posix_acl_access', defaultAcl].map((name) => Buffer.from(name));

/** Thrown when an entry that exists is to be kept. */
export class Kept extends Error {}

/** The folder's entries are addressed through its descriptor: no link can lead anywhere else. */
export function itemPath(item: Item): Buffer {
  return Buffer.concat([item.prefix, item.name]);
}

/** Makes something where nothing may be; what is there is dealt with by the policy. @throws Kept */
export function makeFresh<Made>(path: Buffer, overwrite: Overwrite, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || overwrite === 'refuse') throw error;
    if (overwrite === 'keep') throw new Kept('it exists');
    // A folder is never removed with all that is in it: unlink answers EISDIR or EPERM.
    fs.unlinkSync(path);
    return make();
  }
}

export function createFile(path: Buffer, overwrite: Overwrite): number {
  return makeFresh(path, overwrite, () => fs.openSync(path, createFlags, 0o600));
}

/** What is wrong with one item without making it fail. */
export type ReportPart = (what: string, cause: unknown) => void;

/** Makes a link, device, fifo or socket and gives it its attributes. @throws errors of the system, `Kept` */
export function restoreSpecial(item: Item, options: RestoreItemOptions, report: ReportPart): void {
  const path = itemPath(item);
  const { attributes } = item;
  const { type } = attributes;
  makeFresh(path, options.overwrite, () => {
    if (type === 'symlink') fs.symlinkSync(asBuffer(attributes.linkTarget ?? new Uint8Array(0)), path);
    else if (type === 'fifo' || type === 'socket') makeSpecialFile(path, { type, permissions: 0o600 });
    else if (type === 'dev' || type === 'chardev')
      makeSpecialFile(path, {
        type: type === 'dev' ? 'block' : 'character',
        permissions: 0o600,
        device: attributes.device ?? 0n,
      });
    else throw new HoldfastError('restore.item', { message: `Entries of type ${type} can't be restored` });
  });
  if (type === 'symlink') {
    if (options.setOwners) attempt(report, 'owner', () => fs.lchownSync(path, attributes.uid, attributes.gid));
  } else if (linux) {
    const fd = fs.openSync(path, O_PATH | O_NOFOLLOW);
    try {
      // The kernel's link of the descriptor leads to the very file, so following it is safe.
      setOwnerAndMode(`/proc/self/fd/${fd}`, attributes, options, report);
    } finally {
      fs.closeSync(fd);
    }
  } else setOwnerAndMode(path, attributes, options, report);
  finishAttributes(path, attributes, options, report);
}

export interface RestoreItemOptions {
  readonly overwrite: Overwrite;
  readonly setOwners: boolean;
  /** New entries may have got an ACL from the folder that they were made in. */
  readonly inheritsAcls: boolean;
}

/** Owner, then mode (a change of owner clears setuid), then attributes (ACLs override the mode), then times. */
export function restoreFileAttributes(
  target: { readonly fd: number; readonly path: Buffer },
  attributes: Attributes,
  options: RestoreItemOptions,
  report: ReportPart,
): void {
  const { fd, path } = target;
  if (options.setOwners) attempt(report, 'owner', () => fs.fchownSync(fd, attributes.uid, attributes.gid));
  attempt(report, 'mode', () => fs.fchmodSync(fd, attributes.permissions));
  finishAttributes(path, attributes, options, report);
}

function setOwnerAndMode(
  path: Buffer | string,
  attributes: Attributes,
  options: RestoreItemOptions,
  report: ReportPart,
): void {
  if (options.setOwners) attempt(report, 'owner', () => fs.chownSync(path, attributes.uid, attributes.gid));
  attempt(report, 'mode', () => fs.chmodSync(path, attributes.permissions));
}

function finishAttributes(path: Buffer, attributes: Attributes, options: RestoreItemOptions, report: ReportPart): void {
  const wanted = attributes.extendedAttributes ?? [];
  if (options.inheritsAcls) attempt(report, 'access control list', () => removeInheritedAcls(path, wanted));
  for (const { name, value } of wanted)
    attempt(report, `extended attribute ${name}`, () => writeXattr(path, Buffer.from(name), value));
  const { accessedNs, modifiedNs } = attributes;
  attempt(report, 'times', () => setTimes(path, { accessedNs, modifiedNs }));
}

/** A folder above with a default ACL has given the new entry one that the original did not have. */
function removeInheritedAcls(path: Buffer, wanted: NonNullable<Attributes['extendedAttributes']>): void {
  for (const name of listXattrs(path))
    if (aclNames.some((acl) => acl.equals(name)) && !wanted.some((attribute) => attribute.name === name.toString()))
      removeXattr(path, name);
}

/** True when what is made in the folder gets an ACL from it. */
export function givesAcls(folder: Buffer): boolean {
  return listXattrs(folder).some((name) => name.toString() === defaultAcl);
}

function attempt(report: ReportPart, what: string, set: () => void): void {
  try {
    set();
  } catch (error) {
    report(`its ${what} could not be set (${reason(error)})`, error);
  }
}
