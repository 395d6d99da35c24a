import { exitStatus, productVersion, toHoldfastError } from '@holdfast/core';
import { Command, CommanderError } from 'commander';
import { registerBackup } from './commands/backup.ts';
import { registerCheck } from './commands/check.ts';
import { registerComputers } from './commands/computers.ts';
import { registerCopy } from './commands/copy.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDump } from './commands/dump.ts';
import { registerFind } from './commands/find.ts';
import { registerForget } from './commands/forget.ts';
import { registerJob } from './commands/job.ts';
import { registerKey } from './commands/key.ts';
import { registerLs } from './commands/ls.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerMount } from './commands/mount.ts';
import { registerPorts } from './commands/ports.ts';
import { registerPrune } from './commands/prune.ts';
import { registerRepair } from './commands/repair.ts';
import { registerRepo } from './commands/repo.ts';
import { registerRestore } from './commands/restore.ts';
import { registerRewrite } from './commands/rewrite.ts';
import { registerRoles } from './commands/roles.ts';
import { registerRun } from './commands/run.ts';
import { registerSnapshots } from './commands/snapshots.ts';
import { registerStats } from './commands/stats.ts';
import { registerStatus } from './commands/status.ts';
import { registerTag } from './commands/tag.ts';
import { registerUnlock } from './commands/unlock.ts';
import { registerUp } from './commands/up.ts';
import { endQuietlyWithReader } from './output.ts';
import { errorText } from './terminal.ts';

const program = new Command('holdfast')
  .description('Backup and recovery for fleets of computers. The network is a contract; the repository is restic’s.')
  .version(productVersion)
  .helpCommand(false)
  .showHelpAfterError('(run with --help to see what is possible)')
  .exitOverride();

endQuietlyWithReader();

// Grouped by what a person comes for; the order within a group is the order of use.
program.commandsGroup('Run:');
registerUp(program);
registerRoles(program);

program.commandsGroup('Protect and restore:');
registerRepo(program);
registerBackup(program);
registerRestore(program);
registerSnapshots(program);
registerLs(program);
registerFind(program);
registerDiff(program);
registerStats(program);
registerDump(program);
registerMount(program);

program.commandsGroup('Keep a repository healthy:');
registerCheck(program);
registerForget(program);
registerPrune(program);
registerTag(program);
registerRewrite(program);
registerCopy(program);
registerKey(program);
registerUnlock(program);
registerRepair(program);
registerMigrate(program);

program.commandsGroup('Manage a fleet:');
registerStatus(program);
registerComputers(program);
registerJob(program);
registerRun(program);

program.commandsGroup('The network:');
registerPorts(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Tells the person, or with --json the machine, what went wrong; gives the exit status. */
function report(error: unknown): number {
  // Commander has printed its own message already; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.success : exitStatus.usage;
  const known = toHoldfastError(error);
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ error: known.toJSON() })}\n`);
  else process.stderr.write(errorText(known));
  return known.entry.exit;
}
