import { readFileSync } from 'node:fs';
import { errnoOf } from '@holdfast/core';

/**
 * Names that tell which process made something, also after a restart of the computer: its number and when it started.
 * `holdfast-1234-567890-1`. The time is in the system's ticks on Linux. Elsewhere it is in milliseconds since 1970, and only
 * its own process knows it: a name is another's for as long as any process of its number is there. When the computer was started
 * tells nothing, because that changes with the clock.
 */
const pattern = /^holdfast-(\d+)-(\d+)-\d+$/;
const onLinux = process.platform === 'linux';
const ownTicks = onLinux ? startOf(process.pid) : undefined;
const ownStart = ownTicks ?? String(Math.round(Date.now() - process.uptime() * 1000));
let made = 0;

/** A name that no other process gives, and this one once. */
export function ownName(): string {
  made += 1;
  return `holdfast-${process.pid}-${ownStart}-${made}`;
}

/** True for a name whose process is gone. False for what is not such a name. */
export function isLeftover(name: string): boolean {
  const [, digits, start] = pattern.exec(name) ?? [];
  if (digits === undefined) return false;
  const pid = Number(digits);
  if (pid === process.pid) return start !== ownStart;
  return ownTicks === undefined ? isGone(pid) : startOf(pid) !== start;
}

/** True when there is no process of that number. */
export function isGone(pid: number): boolean {
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
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return undefined;
    // Whatever keeps us from looking: that process may live.
    throw error;
  }
}
