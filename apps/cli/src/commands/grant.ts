import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { GrantMode } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { restAddress, writeAccess } from '../managed/grant-files.ts';
import { readMachineCertificate } from '../managed/machine-certificate.ts';
import { choose, chooseRepository } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { requirePlace, shellWord } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { isOfMachine, readSession } from '../managed/session-file.ts';
import { wholeNumber } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface CreateOptions extends ServerOptions {
  readonly mode: GrantMode;
  readonly hours: number;
  readonly note: string;
  /** `--no-password` gives false. */
  readonly password: boolean;
  readonly forRestic?: true;
  readonly forMachine?: true;
  readonly out?: string;
  readonly show?: boolean;
}

/** `holdfast grant`: access to a repository behind a mover, for programs that are not ours. */
export function registerGrant(program: Command): void {
  const grants = program
    .command('grant')
    .alias('grants')
    .description('grants: access to one repository for an unmodified restic, for a limited time');

  addServerOptions(
    grants
      .command('create')
      .description('by the server: what an unmodified restic or `holdfast --repo` needs; audited')
      .argument('<repository>', 'name or id'),
  )
    .option('--for-restic', 'for a client without a certificate of ours: whoever has the grant may use it')
    .option('--for-machine', 'for this service account (`holdfast login --service-account`), bound to its certificate')
    .addOption(
      new Option('--mode <mode>', 'append: back up; read: restore and check; maintain: delete as well')
        .choices(['append', 'read', 'maintain'])
        .default('read'),
    )
    .option('--hours <n>', 'it ends after so many hours, 720 at most', wholeNumber(1, 720), 24)
    .option('--note <text>', 'who or what it is for, in the list and the audit', 'restic')
    .option('--out <folder>', 'write everything to files of mode 0600 in this folder')
    .option('--no-password', "without the repository's password: who uses it has that already")
    .option('--show', 'show it on the screen')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast grant create laptops --for-restic --out access
  $ . access/environment && restic snapshots                    or: holdfast ls latest
  $ holdfast grant create laptops --for-restic --mode append --hours 168 --note 'restic on nas1' --out access
  $ holdfast grant create 6f1c2a34-… --for-machine --mode append --out access

A service account names the repository by its id, and gets grants of 24 hours at most, without the password: restic is given that by
who has set it up. What it gets is of no use without its certificate.

The folder gets ca.pem, password and environment, which a shell reads: no secret stands in a command line. restic reads user
name and grant from the environment from version 0.17 on; an older one needs them in the address: RESTIC_REPOSITORY_FILE
with a file that holds rest:https://NAME:GRANT@HOST:PORT/PATH/.

JSON: {kind: "grant", id, repository, mode, expiresAt, url, environmentFile}
${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, (work) =>
        forWhom(options) === 'machine' ? machineGrant(name, options, work) : createGrant(name, options, work),
      ),
    );

  addServerOptions(grants.command('list').description('by the server: grants that can still be used'))
    .option('--repository <name>', 'only for this one: name or id')
    .addHelpText('after', `\nExample:\n  $ holdfast grant list --repository laptops\n${serverHelp}`)
    .action((options: ServerOptions & { readonly repository?: string }) =>
      performWithServer(options, (work) => listGrants(options, work)),
    );

  addServerOptions(
    grants
      .command('revoke')
      .description('by the server: end one; its mover is told at once')
      .argument('<id>', 'as `holdfast grant list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast grant revoke 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const things = await client.list('grants', { signal });
        const grant = choose({
          text: id,
          what: 'grant',
          things,
          nameOf: (one) => one.id,
          command: 'holdfast grant list',
        });
        const { moverTold } = await client.call('revokeGrant', { params: { id: grant.id }, signal });
        if (options.json) await printJson({ kind: 'grant-revoked', id: grant.id, moverTold });
        else
          await printText(
            moverTold
              ? 'It is revoked, and its mover refuses it.\n'
              : 'It is revoked. Its mover could not be reached and refuses it as soon as it can be.\n',
          );
        return exitStatus.success;
      }),
    );
}

function forWhom({ forRestic, forMachine }: CreateOptions): 'restic' | 'machine' {
  if ((forRestic ?? false) !== (forMachine ?? false)) return forMachine ? 'machine' : 'restic';
  throw new HoldfastError('usage.option', {
    message: 'For whom the grant is, was not said.',
    guidance: 'Give --for-restic or, as a service account, --for-machine.',
  });
}

/** With the certificate of the machine, which restic has to show. */
async function machineGrant(id: string, options: CreateOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { mode, note, hours } = options;
  const session = await readSession(options.data);
  if (options.out === undefined || mode === 'maintain' || !session || !isOfMachine(session))
    throw new HoldfastError('usage.option', {
      message: 'Such a grant is for a service account, to read or to append, in files.',
      guidance: 'Sign in with `holdfast login --service-account`, and give --out and --mode read or append.',
    });
  const body = { mode, lifetimeSeconds: Math.min(hours, 24) * 3_600, note };
  const access = await client.call('machineGrant', { params: { id }, body, signal });
  const clientPem = await readMachineCertificate(session.certificateFile);
  const environmentFile = await writeAccess(options.out, { ...access, password: undefined, clientPem });
  const { id: grantId, expiresAt } = access;
  if (options.json)
    await printJson({ kind: 'grant', id: grantId, mode, expiresAt, url: restAddress(access.url), environmentFile });
  else
    await printText(
      `Grant ${grantId}, mode ${mode}, until ${shownTime(expiresAt)}. To use it:\n\n  . ${shellWord(environmentFile)} && restic snapshots\n`,
    );
  return exitStatus.success;
}

async function createGrant(name: string, options: CreateOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  requirePlace(options, 'grant');
  const { mode, note } = options;
  const repository = await chooseRepository(client, { text: name, signal });
  const params = { id: repository.id };
  const body = { mode, lifetimeSeconds: options.hours * 3_600, note };
  const access = await client.call('repositoryGrant', { params, body, signal });
  // In the zero-knowledge mode restic asks the person, or reads a file of theirs.
  const withPassword = options.password && !repository.zeroKnowledge;
  const password = withPassword ? (await client.call('repositoryPassword', { params, signal })).password : undefined;
  const { id, expiresAt, username, grant, caPem } = access;
  const url = restAddress(access.url);
  const about = { kind: 'grant', id, repository: repository.name, mode, expiresAt, url };
  const intro = `Grant ${id} for ${repository.name}, mode ${mode}, until ${shownTime(expiresAt)}. To use it:\n`;
  if (options.out !== undefined) {
    const environmentFile = await writeAccess(options.out, { ...access, password });
    if (options.json) await printJson({ ...about, environmentFile });
    else await printText(`${intro}\n  . ${shellWord(environmentFile)} && restic snapshots\n`);
  } else if (options.json) await printJson({ ...about, username, grant, caPem, password });
  else
    await print(
      [
        intro,
        `  export RESTIC_REPOSITORY=${shellWord(url)} RESTIC_CACERT=ca.pem`,
        `  export RESTIC_REST_USERNAME=${username} RESTIC_REST_PASSWORD=${grant}`,
        '  restic snapshots\n',
        ...(password === undefined ? [] : [`Password: ${password}`]),
        `ca.pem:\n${caPem.trimEnd()}\n`,
      ].join('\n'),
    );
  return exitStatus.success;
}

async function listGrants(
  options: ServerOptions & { readonly repository?: string },
  { client, signal }: ServerWork,
): Promise<ExitStatus> {
  const repositories = await client.list('repositories', { signal });
  const only =
    options.repository === undefined
      ? undefined
      : choose({
          ...{ text: options.repository, what: 'repository', things: repositories },
          ...{ nameOf: (one: { name: string }) => one.name, command: 'holdfast repo list' },
        });
  const grants = await client.list('grants', { query: only ? { repositoryId: only.id } : {}, signal });
  if (options.json) {
    await printJson({ kind: 'grants', grants });
    return exitStatus.success;
  }
  const nameOf = new Map(repositories.map(({ id, name }) => [id, name]));
  const rows = grants.map(({ id, repositoryId, mode, note, actor, createdAt, expiresAt }) => [
    ...[nameOf.get(repositoryId) ?? repositoryId, mode, note, actor, shownTime(createdAt), shownTime(expiresAt), id],
  ]);
  await printText(table([['Repository', 'Mode', 'For', 'Made by', 'Made', 'Ends', 'Id'], ...rows]));
  return exitStatus.success;
}
