import fs from 'node:fs';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { listXattrs, makeSpecialFile, removeXattr, setTimes, setTimesOfOpen, writeXattr } from '@holdfast/native';
import { asBuffer } from '../byte-path.ts';
import { reason } from '../problem.ts';
import { clearPath } from './remove-entry.ts';
import type { Attributes, Item, Overwrite } from './restore-jobs.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
const linux = process.platform === 'linux';
/** Linux: a descriptor that only names the file, whatever it is and without opening it (open(2)). */
const O_PATH = 0o10000000;
const createFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
const defaultAcl = 'system.posix_acl_default';
const accessAcl = 'system.posix_acl_access';

/** Thrown when an entry that exists is to be kept. */
export class Kept extends Error {}

/** The folder's entries are addressed through its descriptor: no link can lead anywhere else. */
export function itemPath(item: Item): Buffer {
  return Buffer.from(item.path, 'latin1');
}

/** Makes something where nothing may be; what is there is dealt with by the policy. @throws Kept */
export function makeFresh<Made>(path: Buffer, options: FreshOptions, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || options.overwrite === 'refuse') throw error;
    const { newerThanNs } = options;
    const newer = options.overwrite === 'if-newer' && newerThanNs !== undefined && !isOlder(path, newerThanNs);
    if (options.overwrite === 'never' || newer) throw new Kept('it exists');
    clearPath(path, options.deletes);
    return make();
  }
}

export interface FreshOptions {
  readonly overwrite: Overwrite;
  /** Folders in the way are removed with all that is in them. */
  readonly deletes: boolean;
  /** With 'if-newer': when the snapshot's was modified. */
  readonly newerThanNs?: bigint;
}

function isOlder(path: Buffer, thanNs: bigint): boolean {
  return fs.lstatSync(path, { bigint: true }).mtimeNs < thanNs;
}

export function createFile(path: Buffer, options: FreshOptions): number {
  return makeFresh(path, options, () => fs.openSync(path, createFlags, 0o600));
}

/** What is wrong with one item without making it fail. */
export type ReportPart = (what: string, cause: unknown) => void;

/** Makes a link, device, fifo or socket and gives it its attributes. @throws errors of the system, `Kept` */
export function restoreSpecial(item: Item, options: RestoreItemOptions, report: ReportPart): void {
  const path = itemPath(item);
  const { attributes } = item;
  const { type } = attributes;
  makeFresh(path, { ...options, newerThanNs: attributes.modifiedNs }, () => {
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
    if (changesOwner(item, options))
      attempt(report, 'owner', () => fs.lchownSync(path, attributes.uid, attributes.gid));
  } else if (linux) {
    const fd = fs.openSync(path, O_PATH | O_NOFOLLOW);
    try {
      // The kernel's link of the descriptor leads to the very file, so following it is safe.
      setOwnerAndMode(`/proc/self/fd/${fd}`, attributes, options, report);
    } finally {
      fs.closeSync(fd);
    }
  } else setOwnerAndMode(path, attributes, options, report);
  finishAttributes(path, item, { fresh: true, ...options }, report);
  const { accessedNs, modifiedNs } = attributes;
  attempt(report, 'times', () => setTimes(path, { accessedNs, modifiedNs }));
}

export interface RestoreItemOptions {
  readonly overwrite: Overwrite;
  readonly setOwners: boolean;
  readonly deletes: boolean;
  /** Extended attributes that are restored. */
  readonly hasXattr: (name: string) => boolean;
}

/** True unless a new entry in that folder belongs to the right user and group from the beginning. */
export function changesOwner(item: Item, options: RestoreItemOptions): boolean {
  if (!options.setOwners) return false;
  const { uid, gid } = item.attributes;
  return !(item.ownGroup && uid === self.uid && gid === self.gid);
}

const self = { uid: process.geteuid?.(), gid: process.getegid?.() };

/**
 * Owner, then mode (a change of owner clears setuid), then attributes (ACLs override the mode), then times. What a `fresh`
 * file has already is not set again.
 */
export function restoreFileAttributes(
  target: { readonly fd: number; readonly item: Item; readonly fresh: boolean },
  options: RestoreItemOptions,
  report: ReportPart,
): void {
  const { fd, item, fresh } = target;
  const { attributes } = item;
  if (fresh ? changesOwner(item, options) : options.setOwners)
    attempt(report, 'owner', () => fs.fchownSync(fd, attributes.uid, attributes.gid));
  attempt(report, 'mode', () => fs.fchmodSync(fd, attributes.permissions));
  if (!fresh || item.inheritsAcls || attributes.extendedAttributes !== undefined)
    finishAttributes(itemPath(item), item, { fresh, ...options }, report);
  const { accessedNs, modifiedNs } = attributes;
  attempt(report, 'times', () => setTimesOfOpen(fd, { accessedNs, modifiedNs }));
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

function finishAttributes(
  path: Buffer,
  item: Item,
  { fresh, hasXattr }: { readonly fresh: boolean } & Pick<RestoreItemOptions, 'hasXattr'>,
  report: ReportPart,
): void {
  const wanted = (item.attributes.extendedAttributes ?? []).filter(({ name }) => hasXattr(name));
  const removable = (name: string): boolean => (fresh ? isAcl(name) : isOwn(name) && hasXattr(name));
  if (item.inheritsAcls || !fresh) attempt(report, 'extended attributes', () => removeOthers(path, wanted, removable));
  for (const { name, value } of wanted)
    attempt(report, `extended attribute ${name}`, () => writeXattr(path, Buffer.from(name), value));
}

/** A folder above with a default ACL has given the new entry one that the original did not have; an old file has its own. */
function removeOthers(
  path: Buffer,
  wanted: NonNullable<Attributes['extendedAttributes']>,
  removable: (name: string) => boolean,
): void {
  for (const name of listXattrs(path)) {
    const text = name.toString();
    if (removable(text) && !wanted.some((attribute) => attribute.name === text)) removeXattr(path, name);
  }
}

const isAcl = (name: string): boolean => name === accessAcl || name === defaultAcl;
/** Labels of the system's security belong to the place, not to the file. */
const isOwn = (name: string): boolean => isAcl(name) || name.startsWith('user.');

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
