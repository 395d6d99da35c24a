import { HoldfastError } from '@holdfast/core';
import type { GrantMode } from '@holdfast/protocol';
import type { ObjectName, ObjectType } from '@holdfast/storage';
import { type UploadRecord, unknownSubject } from './ledger.ts';
import { maxKeysBeforeConfig, staleLockMs } from './limits.ts';

/**
 * Who may do what to a repository, decided without any of its keys. Pure: everything that is known stands in the arguments.
 */

const refuse = (message: string): HoldfastError => new HoldfastError('grant.mode', { message });

/** Throws unless a grant of that mode may create objects of the type at all. */
export function checkCreate(mode: GrantMode, type: ObjectType): void {
  if (mode === 'read' && type !== 'lock') throw refuse('A grant to read writes nothing but its own locks.');
}

/**
 * Throws unless the grant may add a key or the config now. What is there already may be posted again by everybody who may
 * write, because that changes nothing.
 */
export function checkFoundation(
  mode: GrantMode,
  name: ObjectName,
  state: { readonly initialised: boolean; readonly exists: boolean; readonly keys: number },
): void {
  if (state.exists || mode === 'maintain') return;
  if (state.initialised)
    throw refuse(`A grant to append can't add a ${name.type} to a repository that is initialised already.`);
  if (name.type === 'key' && state.keys >= maxKeysBeforeConfig)
    throw refuse(`A repository that is being initialised has at most ${maxKeysBeforeConfig} keys.`);
}

/** Throws unless the grant may delete objects of the type; locks are judged one by one. */
export function checkDelete(mode: GrantMode, type: ObjectType): void {
  if (type === 'lock') return;
  if (type === 'config') throw refuse('The config of a repository is created once and stays.');
  if (mode !== 'maintain') throw refuse(`A grant to ${mode} deletes nothing but its own locks.`);
}

/** Throws unless the subject may remove that lock now: its own, or any with a grant to maintain, or a stale one. */
export function checkDeleteLock(
  caller: { readonly mode: GrantMode; readonly subject: string },
  lock: Pick<UploadRecord, 'subject' | 'at'>,
  now: Date,
): void {
  if (caller.mode === 'maintain' || lock.subject === caller.subject) return;
  if (isStale(lock.at, now)) return;
  const owner = lock.subject === unknownSubject ? 'somebody whom the mover does not know' : lock.subject;
  throw new HoldfastError('grant.mode', {
    message: `The lock belongs to ${owner}; others may remove it 30 minutes after it came.`,
    guidance: 'Wait for the other work to end, or use a grant to maintain.',
  });
}

/** Counted by the mover's own clock from the arrival; a clock that was set back does not make a lock live longer. */
export function isStale(arrival: Date, now: Date): boolean {
  return Math.abs(now.getTime() - arrival.getTime()) >= staleLockMs;
}
