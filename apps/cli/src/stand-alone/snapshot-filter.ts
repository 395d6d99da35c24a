import type { Command } from 'commander';
import { collect } from '../option-values.ts';
import { moment } from './moment.ts';

/** Which snapshots a person means. */
export interface SnapshotFilter {
  readonly host?: string[];
  readonly tag?: string[];
  readonly path?: string[];
  /** Nanoseconds since 1970. */
  readonly at?: bigint;
}

/** `hostLetter`: false where -H means something else. */
export function addSnapshotFilter(
  command: Command,
  o: { readonly hostLetter: boolean } = { hostLetter: true },
): Command {
  return command
    .option(
      `${o.hostLetter ? '-H, ' : ''}--host <name>`,
      'only snapshots of this computer (env …_HOST); may be repeated',
      collect,
    )
    .option('--tag <tag[,tag…]>', 'only snapshots with all of these tags; repeated: with any of the lists', collect)
    .option('--path <path>', 'only snapshots of this path; repeated: of all of them', collect)
    .option('--at <time>', 'only snapshots of this time or earlier, so that latest is the one of that time', moment);
}
