import { hostname } from 'node:os';
import { errnoOf } from '@holdfast/core';
import { limits } from '../limits.ts';
import { JsonRecord } from './json-record.ts';
import { currentUser } from './key-file.ts';
import { formatTime, parseTime, timeOfDate } from './rfc3339.ts';

/** A lock as restic writes it (`internal/repository/lock_file.go`). */
export interface LockFile {
  readonly time: string;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export function newLockFile(now: Date, exclusive: boolean): LockFile {
  return {
    time: formatTime(timeOfDate(now)),
    exclusive,
    hostname: hostname(),
    username: currentUser(),
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
  };
}

export function encodeLockFile(lock: LockFile): Buffer {
  return Buffer.from(JSON.stringify({ ...lock, uid: lock.uid || undefined, gid: lock.gid || undefined }));
}

/** @throws repository.damaged */
export function decodeLockFile(json: Uint8Array, where: string): LockFile {
  const record = JsonRecord.parse(json, where);
  return {
    time: record.time('time'),
    exclusive: record.flag('exclusive'),
    hostname: record.text('hostname'),
    username: record.text('username'),
    pid: record.count('pid'),
    uid: record.count('uid'),
    gid: record.count('gid'),
  };
}

/** restic's rule: older than 30 minutes, or of a process of this computer that is gone. */
export function isStale(lock: LockFile, now: Date): boolean {
  const ageMs = now.getTime() - Number((parseTime(lock.time) ?? 0n) / 1_000_000n);
  if (ageMs > limits.lockStaleMs) return true;
  return lock.hostname === hostname() && !processExists(lock.pid);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process refuses the signal, but it is there.
    return errnoOf(error) !== 'ESRCH';
  }
}

/** For people: who holds it, and since when. */
export function describeLock(lock: LockFile): string {
  return `${lock.exclusive ? 'exclusively ' : ''}locked by process ${lock.pid} of ${lock.username || 'somebody'} on ${lock.hostname || 'an unknown host'} (refreshed ${lock.time})`;
}
