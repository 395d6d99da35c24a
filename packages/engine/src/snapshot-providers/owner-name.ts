import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { errnoOf } from '@holdfast/core';

/**
 * Names that tell which process made something, also after a restart of the computer: its number and when it started.
 * `holdfast-1234-567890-1`. The time is in the system's ticks on Linux. Elsewhere it is in milliseconds since 1970, and only
 * its own process knows it: a name is another's for as long as any process of its number is there that may have made it.
 */
const pattern = /^holdfast-(\d+)-(\d+)-\d+$/;
const onLinux = process.platform === 'linux';
/** Clocks are set while computers start. */
const startToleranceMs = 600_000;
let made = 0;

/** A name that no other process gives, and this one once. */
export function ownName(): string {
  made += 1;
  const start = onLinux ? startOf(process.pid) : String(Math.round(Date.now() - process.uptime() * 1000));
  return `holdfast-${process.pid}-${start ?? 0}-${made}`;
}

/** True for a name whose process is gone. False for what is not such a name. */
export function isLeftover(name: string): boolean {
  const [, pid, start] = pattern.exec(name) ?? [];
  if (pid === undefined || start === undefined) return false;
  return onLinux ? startOf(Number(pid)) !== start : isGone({ pid: Number(pid), startedMs: Number(start) });
}

/** True for a process that has ended, or that was started before the computer was. */
export function isGone({ pid, startedMs }: { readonly pid: number; readonly startedMs: number }): boolean {
  if (startedMs < Date.now() - uptime() * 1000 - startToleranceMs) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // Another's process is a process (EPERM).
    return errnoOf(error) === 'ESRCH';
  }
}

/** When a process started (field 22 of its stat); undefined when it is gone. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name, which may hold anything, in parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
