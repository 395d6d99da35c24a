import { basename } from 'node:path';
import type { ProcessAtSocket } from '../sockets/index.ts';

/** What a process of ours is started as: `holdfast mover …`, or Node with the program's main file. */
export function isHoldfast({ command }: ProcessAtSocket): boolean {
  return command.slice(0, 8).some((part) => basename(part) === 'holdfast' || part.endsWith('/apps/cli/src/main.mjs'));
}
