import { readFileSync } from 'node:fs';
import { errnoOf } from '@holdfast/core';

/**
 * Names that tell which process made something, also after a restart of the computer: its number and when it started, in the
 * system's ticks. `holdfast-1234-567890-1`.
 */
const pattern = /^holdfast-(\d+)-(\d+)-\d+$/;
let made = 0;

/** A name that no other process gives, and this one once. */
export function ownName(): string {
  made += 1;
  return `holdfast-${process.pid}-${startOf(process.pid) ?? 0}-${made}`;
}

/** True for a name whose process is gone. False for what is not such a name. */
export function isLeftover(name: string): boolean {
  const [, pid, start] = pattern.exec(name) ?? [];
  return pid !== undefined && start !== undefined && startOf(Number(pid)) !== start;
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
