import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RecoveryScope } from '@holdfast/protocol';
import type { Command } from 'commander';
import { collect, wholeNumber } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import { choose, chooseComputer, chooseRepository, chooseSnapshot } from './names.ts';
import { performWithServer, type ServerWork } from './perform-with-server.ts';
import { writeSecretFile } from './secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from './server-options.ts';

interface CreateOptions extends ServerOptions {
  readonly computer?: string[];
  readonly repository?: string[];
  readonly snapshot?: string[];
  readonly hours: number;
  readonly uses: number;
  readonly note: string;
  readonly out?: string;
}

/** `holdfast recovery token`, and the certificates that were given. */
export function registerRecoveryTokens(recovery: Command): void {
  const tokens = recovery
    .command('token')
    .description('recovery tokens: short, for named backups, to read and nothing else');

  addServerOptions(tokens.command('create').description('make one; its text is shown this once'))
    .option('--computer <name>', 'all backups of this computer: host name or id; may be repeated', collect)
    .option('--repository <name>', 'all backups in this repository: name or id; may be repeated', collect)
    .option('--snapshot <id>', 'this one: id or beginning of an id; may be repeated', collect)
    .option('--hours <n>', 'it and what it gives end after so many hours, 720 at most', wholeNumber(1, 720), 24)
    .option('--uses <n>', 'how many computers, or starts of recovery media, can present it', wholeNumber(1, 10), 1)
    .option('--note <text>', 'what it is for, in the list and the audit', 'recovery')
    .option('--out <file>', 'write it to a new file of mode 0600 instead of showing it')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast recovery token create --computer web1
  $ holdfast recovery token create --repository laptops --hours 72 --note 'new disk'

Whoever restores gets the key of the repositories, which opens all that is in them. Out of a repository with backups of others,
unless that itself is named, nobody gets the key: \`holdfast recovery download\` takes files and archives.

JSON: {kind: "recovery-token", id, token, caFingerprint, scope, usesLeft, expiresAt, …}
${serverHelp}`,
    )
    .action((options: CreateOptions) => performWithServer(options, (work) => createToken(options, work)));

  addServerOptions(tokens.command('list').description('those that have not ended; their text is not kept'))
    .addHelpText('after', `\nExample:\n  $ holdfast recovery token list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = await client.list('recoveryTokens', { signal });
        if (options.json) await printJson({ kind: 'recovery-tokens', tokens: found });
        else {
          const rows = found.map(({ id, note, actor, scope, usesLeft, expiresAt, lastUsedAt, lastUsedFrom }) => [
            ...[note, actor, scopeText(scope), String(usesLeft), shownTime(expiresAt)],
            ...[lastUsedAt === undefined ? '' : `${shownTime(lastUsedAt)} from ${lastUsedFrom ?? ''}`, id],
          ]);
          await printText(table([['For', 'Made by', 'Backups of', 'Uses left', 'Ends', 'Last used', 'Id'], ...rows]));
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    tokens
      .command('revoke')
      .description('end one, and every certificate that was given for it')
      .argument('<id>', 'as `holdfast recovery token list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast recovery token revoke 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const things = await client.list('recoveryTokens', { signal });
        const command = 'holdfast recovery token list';
        const token = choose({ text: id, what: 'recovery token', things, nameOf: (one) => one.id, command });
        const { certificates } = await client.call('revokeRecoveryToken', { params: { id: token.id }, signal });
        if (options.json) await printJson({ kind: 'recovery-token-revoked', id: token.id, certificates });
        else await print(`It has ended, and ${certificates} certificates with it.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(recovery.command('list').description('by the server: certificates that were given for recoveries'))
    .addHelpText('after', `\nExample:\n  $ holdfast recovery list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const certificates = await client.list('recoveryAccesses', { signal });
        if (options.json) await printJson({ kind: 'recoveries', certificates });
        else {
          const rows = certificates.map((one) => [
            ...[one.hostname, one.remoteAddress, one.actor, scopeText(one.scope), shownTime(one.createdAt)],
            ...[shownTime(one.expiresAt), one.lastUsedAt === undefined ? '' : shownTime(one.lastUsedAt), one.id],
          ]);
          const head = ['Computer', 'From', 'By', 'Backups of', 'Begun', 'Ends', 'Last used', 'Id'];
          await printText(table([head, ...rows]));
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    recovery
      .command('revoke')
      .description('by the server: end a recovery at once')
      .argument('<id>', 'as `holdfast recovery list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast recovery revoke 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const things = await client.list('recoveryAccesses', { signal });
        const command = 'holdfast recovery list';
        const found = choose({ text: id, what: 'recovery', things, nameOf: (one) => one.id, command });
        await client.call('revokeRecoveryAccess', { params: { id: found.id }, signal });
        if (options.json) await printJson({ kind: 'recovery-revoked', id: found.id });
        else await print('It has ended.\n');
        return exitStatus.success;
      }),
    );
}

async function createToken(options: CreateOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { note, uses, hours } = options;
  const texts = [...(options.computer ?? []), ...(options.repository ?? []), ...(options.snapshot ?? [])];
  if (texts.length === 0)
    throw new HoldfastError('usage.option', {
      message: 'Which backups it is for was not said.',
      guidance: 'Name them with --computer, --repository or --snapshot.',
    });
  const computers: string[] = [];
  for (const text of options.computer ?? [])
    computers.push((await chooseComputer(client, { text, role: 'agent', signal })).id);
  const repositories: string[] = [];
  for (const text of options.repository ?? []) repositories.push((await chooseRepository(client, { text, signal })).id);
  const known = options.snapshot ? await client.list('snapshots', { signal }) : [];
  const snapshots = (options.snapshot ?? []).map((text) => {
    const { id, repositoryId } = chooseSnapshot(known, text);
    return { id, repositoryId };
  });
  const body = { computers, repositories, snapshots, note, uses, lifetimeSeconds: hours * 3_600 };
  const { token, ...made } = await client.call('createRecoveryToken', { body, signal });
  const file = options.out === undefined ? undefined : await writeSecretFile(options.out, `${token}\n`);
  if (options.json)
    await printJson({ kind: 'recovery-token', ...made, ...(file === undefined ? { token } : { tokenFile: file }) });
  else
    await print(
      `${file === undefined ? `Recovery token: ${token}` : `The recovery token is in ${file}.`}\nUntil ${shownTime(made.expiresAt)}, on the computer to restore to:\n\n` +
        `  holdfast recovery restore latest --target / --server HOST --ca-fingerprint ${made.caFingerprint}\n`,
    );
  return exitStatus.success;
}

function scopeText({ computers, repositories, snapshots }: RecoveryScope): string {
  const parts = [
    [computers.length, 'computers'],
    [repositories.length, 'repositories'],
    [snapshots.length, 'snapshots'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`)
    .join(', ');
}
