import type { Command } from 'commander';
import { collect } from '../option-values.ts';

/** Which snapshots a person means. */
export interface SnapshotFilter {
  readonly host?: string[];
  readonly tag?: string[];
  readonly path?: string[];
}

export function addSnapshotFilter(command: Command): Command {
  return command
    .option('-H, --host <name>', 'only snapshots of this computer; may be repeated', collect)
    .option('--tag <tag[,tag…]>', 'only snapshots with all of these tags; repeated: with any of the lists', collect)
    .option('--path <path>', 'only snapshots of this path; repeated: of all of them', collect);
}
