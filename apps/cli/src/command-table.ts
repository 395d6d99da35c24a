import { productVersion } from '@holdfast/core';
import { Command } from 'commander';

/** Commands that one file defines. */
export interface CommandFile {
  readonly names: readonly string[];
  /** They change nothing and prove nothing: without a reader there is no use in going on. */
  readonly onlyPrint?: true;
  readonly load: () => Promise<(program: Command) => void>;
}

/** By what a person comes for; the order within a group is the order of use. */
export const commandGroups: Readonly<Record<string, readonly CommandFile[]>> = {
  Run: [
    { names: ['up'], load: async () => (await import('./commands/up.ts')).registerUp },
    {
      names: ['server', 'mover', 'agent', 'enroll', 'execute'],
      load: async () => (await import('./commands/roles.ts')).registerRoles,
    },
    { names: ['panel'], load: async () => (await import('./commands/panel.ts')).registerPanel },
  ],
  'Protect and restore': [
    { names: ['repo'], load: async () => (await import('./commands/repo.ts')).registerRepo },
    { names: ['grant', 'grants'], load: async () => (await import('./commands/grant.ts')).registerGrant },
    { names: ['init'], load: async () => (await import('./commands/init.ts')).registerInit },
    { names: ['backup'], load: async () => (await import('./commands/backup.ts')).registerBackup },
    { names: ['restore'], load: async () => (await import('./commands/restore.ts')).registerRestore },
    {
      names: ['snapshots'],
      onlyPrint: true,
      load: async () => (await import('./commands/snapshots.ts')).registerSnapshots,
    },
    { names: ['ls'], onlyPrint: true, load: async () => (await import('./commands/ls.ts')).registerLs },
    { names: ['find'], onlyPrint: true, load: async () => (await import('./commands/find.ts')).registerFind },
    { names: ['diff'], onlyPrint: true, load: async () => (await import('./commands/diff.ts')).registerDiff },
    { names: ['stats'], onlyPrint: true, load: async () => (await import('./commands/stats.ts')).registerStats },
    { names: ['dump'], onlyPrint: true, load: async () => (await import('./commands/dump.ts')).registerDump },
    { names: ['mount'], load: async () => (await import('./commands/mount.ts')).registerMount },
    {
      names: ['recovery'],
      load: async () => (await import('./commands/recovery.ts')).registerRecovery,
    },
    { names: ['notify'], load: async () => (await import('./commands/notify.ts')).registerNotify },
  ],
  'Keep a repository healthy': [
    { names: ['check'], load: async () => (await import('./commands/check.ts')).registerCheck },
    { names: ['forget'], load: async () => (await import('./commands/forget.ts')).registerForget },
    { names: ['prune'], load: async () => (await import('./commands/prune.ts')).registerPrune },
    { names: ['tag'], load: async () => (await import('./commands/tag.ts')).registerTag },
    { names: ['rewrite'], load: async () => (await import('./commands/rewrite.ts')).registerRewrite },
    { names: ['copy'], load: async () => (await import('./commands/copy.ts')).registerCopy },
    { names: ['key'], load: async () => (await import('./commands/key.ts')).registerKey },
    { names: ['unlock'], load: async () => (await import('./commands/unlock.ts')).registerUnlock },
    { names: ['recover'], load: async () => (await import('./commands/recover.ts')).registerRecover },
    { names: ['repair'], load: async () => (await import('./commands/repair.ts')).registerRepair },
    { names: ['migrate'], load: async () => (await import('./commands/migrate.ts')).registerMigrate },
    { names: ['list'], onlyPrint: true, load: async () => (await import('./commands/list.ts')).registerList },
    { names: ['cat'], onlyPrint: true, load: async () => (await import('./commands/cat.ts')).registerCat },
  ],
  'Manage a fleet': [
    {
      names: ['overview'],
      onlyPrint: true,
      load: async () => (await import('./commands/overview.ts')).registerOverview,
    },
    {
      names: ['status', 'health', 'channel-use', 'set-up-link'],
      onlyPrint: true,
      load: async () => (await import('./commands/status.ts')).registerStatus,
    },
    {
      names: ['support-bundle'],
      load: async () => (await import('./commands/support-bundle.ts')).registerSupportBundle,
    },
    { names: ['computers', 'token'], load: async () => (await import('./commands/computers.ts')).registerComputers },
    { names: ['groups', 'group'], load: async () => (await import('./commands/groups.ts')).registerGroups },
    {
      names: ['job', 'jobs'],
      load: async () => (await import('./commands/job.ts')).registerJob,
    },
    {
      names: ['policy', 'policies'],
      load: async () => (await import('./commands/policy.ts')).registerPolicy,
    },
    { names: ['apply', 'export'], load: async () => (await import('./commands/apply.ts')).registerApply },
    { names: ['bandwidth'], load: async () => (await import('./commands/bandwidth.ts')).registerBandwidth },
    { names: ['session', 'sessions'], load: async () => (await import('./commands/session.ts')).registerSession },
    { names: ['drill'], load: async () => (await import('./commands/drill.ts')).registerDrill },
    {
      names: ['receipt'],
      onlyPrint: true,
      load: async () => (await import('./commands/receipt.ts')).registerReceipt,
    },
    { names: ['alerts'], load: async () => (await import('./commands/alerts.ts')).registerAlerts },
    { names: ['run'], load: async () => (await import('./commands/run.ts')).registerRun },
  ],
  'When nothing is left': [
    {
      names: ['recovery-kit'],
      load: async () => (await import('./commands/recovery-kit.ts')).registerRecoveryKit,
    },
    {
      names: ['zero-knowledge'],
      load: async () => (await import('./commands/zero-knowledge.ts')).registerZeroKnowledge,
    },
    { names: ['import'], load: async () => (await import('./commands/import.ts')).registerImport },
    { names: ['config'], load: async () => (await import('./commands/config.ts')).registerConfig },
  ],
  'People and their rights': [
    { names: ['login', 'logout'], load: async () => (await import('./commands/login.ts')).registerLogin },
    { names: ['account'], load: async () => (await import('./commands/account.ts')).registerAccount },
    { names: ['api-token'], load: async () => (await import('./commands/api-token.ts')).registerApiToken },
    { names: ['users'], load: async () => (await import('./commands/users.ts')).registerUsers },
    {
      names: ['oauth-client'],
      load: async () => (await import('./commands/oauth-client.ts')).registerOauthClient,
    },
    {
      names: ['service-account', 'service-accounts'],
      load: async () => (await import('./commands/service-account.ts')).registerServiceAccount,
    },
    {
      names: ['identity-provider'],
      load: async () => (await import('./commands/identity-provider.ts')).registerIdentityProvider,
    },
    { names: ['approvals'], load: async () => (await import('./commands/approvals.ts')).registerApprovals },
    { names: ['audit'], onlyPrint: true, load: async () => (await import('./commands/audit.ts')).registerAudit },
  ],
  'The network': [
    { names: ['ports'], onlyPrint: true, load: async () => (await import('./commands/ports.ts')).registerPorts },
  ],
  'This program': [
    { names: ['generate'], load: async () => (await import('./commands/generate.ts')).registerGenerate },
  ],
};

/** The program with those of its commands that are wanted: all, unless said. */
export async function createProgram(isWanted: (one: CommandFile) => boolean = () => true): Promise<Command> {
  const program = new Command('holdfast')
    .description('Backup and recovery for fleets of computers. The network is a contract; the repository is restic’s.')
    .version(productVersion)
    .helpCommand(false)
    .showHelpAfterError('(run with --help to see what is possible)')
    .exitOverride();
  for (const [heading, files] of Object.entries(commandGroups)) {
    program.commandsGroup(`${heading}:`);
    for (const one of files) if (isWanted(one)) (await one.load())(program);
  }
  return program;
}
