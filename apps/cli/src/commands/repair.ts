import type { Command } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { addSnapshotFilter, type SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { perform } from '../work.ts';

export interface RepairIndexCommandOptions extends RepositoryOptions {
  readonly readAllPacks?: boolean;
}

export interface RepairPacksCommandOptions extends RepositoryOptions {
  readonly copies: string;
}

export interface RepairSnapshotsCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly forget?: boolean;
  readonly dryRun?: boolean;
}

const alone = environmentHelp.replace('Without --repo the command talks to the backup server. ', '');

/** `holdfast repair`: brings back all that is still there. */
export function registerRepair(program: Command): void {
  const repair = program
    .command('repair')
    .description('make a damaged repository usable again, without a server; `check` says what is needed');
  registerIndex(repair);
  registerPacks(repair);
  registerSnapshots(repair);
}

function registerIndex(repair: Command): void {
  const command = repair
    .command('index')
    .description('make the index agree with the packs that are there')
    .option('--read-all-packs', 'believe no index file: read the header of every pack and write the whole index anew');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Index files that are right stay. The others (unreadable, naming packs that are gone or have another size, listing what another
one lists) are removed when new ones are durable, which have what was right in them and what the headers of packs say.
Packs that are missing, or whose header is damaged, are named. A pack with a damaged header that an index file lists stays
listed, so that \`repair packs\` can save what is whole in it; the status is then 3.

Examples:
  $ holdfast repair index --repo /mnt/disk/repo -p password.txt
  $ holdfast repair index --read-all-packs -r /mnt/disk/repo -p password.txt --json
${alone}

JSON: {kind: "repair-index", missingPacks: [id], unreadablePacks: [{id, message, listed}], addedPacks: [id], unreadableIndexes:
[{id, message}], writtenIndexes: [id], removedIndexes: [id]}
${exitStatusHelp}`,
    )
    .action((options: RepairIndexCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/repair.ts')).runRepairIndex(options, work)),
    );
}

function registerPacks(repair: Command): void {
  const command = repair
    .command('packs')
    .description('save every blob that is whole from damaged packs, and remove those packs')
    .argument('<packs...>', 'ids of packs, as `check --read-data` names them')
    .option('--copies <folder>', 'where copies of the damaged packs are kept, as pack-ID', '.');
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Every blob that opens with the key and has the right hash goes into a new pack; which blobs there are is taken from the
pack's header and from the index, either of which may be what is damaged. Only when new packs and index files are durable
the damaged packs leave the index, and then the storage. Each one is copied into --copies first. Blobs that are lost are
listed; files that need them are shown, and made usable, by \`repair snapshots\`, or healed by a new backup of the same files.

Example:
  $ holdfast repair packs 30890b1e4a9c36b550cd67ed11f4bc2b6d8ffa4c75aebd2276b861bec5ab56e6 -r /mnt/disk/repo -p password.txt
${alone}

JSON: {kind: "repair-packs", savedBlobs, savedBytes, lostCount, lost: [{packId, id, type, sizeBytes, message, elsewhere}],
unknownPacks: [id], removedPacks: [id], writtenPacks: [id]}
${exitStatusHelp}`,
    )
    .action((packs: string[], options: RepairPacksCommandOptions) =>
      perform(options, async (work) => (await import('../stand-alone/repair.ts')).runRepairPacks(packs, options, work)),
    );
}

function registerSnapshots(repair: Command): void {
  const command = repair
    .command('snapshots')
    .description('make snapshots usable that need missing blobs, and list what is lost, file by file')
    .argument('[snapshots...]', 'ids, beginnings of ids, or latest; else all that the filter leaves')
    .option('-n, --dry-run', 'change nothing and list what would be done')
    .option('--forget', 'remove the damaged snapshots once the repaired ones are stored');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: false });
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
The index decides what is missing, so \`repair index\` and \`repair packs\` come first; while the index names packs that are not
there, nothing is done. If the files still exist where they were backed up from, a new backup with --force is better than
this command: it stores again what is missing, and old snapshots are whole again. The program that made the old snapshot
has to do it, because Holdfast and restic cut files in different ways.

Missing parts are taken out of files, so what follows them moves forward; folders that cannot be read become empty. A repaired
snapshot is a new one: it has the tag "repaired", and the id of the damaged one in its field original.

Examples:
  $ holdfast repair snapshots --dry-run --repo /mnt/disk/repo -p password.txt
  $ holdfast repair snapshots --forget -r /mnt/disk/repo -p password.txt --json
${alone}

JSON: {kind: "repair-snapshots", dryRun, sound, repaired, lost, snapshots: [{id, outcome: "sound" | "repaired" | "lost", newId?,
removed?, problem?, lostBytes?, lossCount?, losses?: [{path, pathBase64?, kind: "content" | "folder" | "entry" | "size",
lostBytes, remainingBytes}]}]}
${exitStatusHelp}`,
    )
    .action((snapshots: string[], options: RepairSnapshotsCommandOptions) =>
      perform(options, async (work) =>
        (await import('../stand-alone/repair.ts')).runRepairSnapshots(snapshots, options, work),
      ),
    );
}
