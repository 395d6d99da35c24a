import { readFile } from 'node:fs/promises';
import { exitStatus, HoldfastError } from '@holdfast/core';
import { newKeyAndRequest, type PersonRole, personRole, type ServiceAccount } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { choose, chooseComputer, chooseRepository } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { writeSecretFile } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect } from '../option-values.ts';
import { print, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

interface SourceOptions extends ServerOptions {
  readonly out?: string;
  readonly certificate?: readonly string[];
}

interface CreateOptions extends SourceOptions {
  readonly computer?: string;
  readonly role?: PersonRole;
  readonly groups?: readonly string[];
  readonly repository?: readonly string[];
  readonly mode: 'append' | 'read';
}

/** `holdfast service-account`: accounts of machines, which prove themselves with certificates. */
export function registerServiceAccount(program: Command): void {
  const accounts = program
    .command('service-account')
    .alias('service-accounts')
    .description('accounts for machines and scripts, which prove themselves with a certificate');

  addSource(
    addServerOptions(
      accounts
        .command('create')
        .description('make one, with a certificate of its own, of a computer, or that is there already')
        .argument('<name>', 'as the audit will name it: service-account/NAME'),
    ),
  )
    .option('--computer <name>', 'it proves itself with the certificate of this enrolled agent or mover')
    .addOption(
      new Option('--role <role>', 'what it may do; without one, it gets its grants and nothing else').choices(
        personRole.options,
      ),
    )
    .option('--groups <names>', 'only in these groups of computers: a,b', (text) => text.split(','))
    .addOption(
      new Option('--repository <name>', 'it gets grants for this repository by itself; may be repeated').argParser(
        collect,
      ),
    )
    .addOption(
      new Option('--mode <mode>', 'of these grants: read: restore; append: back up as well')
        .choices(['append', 'read'])
        .default('read'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast service-account create report --role auditor --out report.pem
  $ holdfast service-account create nas1 --repository laptops --mode append --out nas1.pem
  $ holdfast service-account create scripts --role backup-operator --computer web1

With --out the private key is made here and never leaves this computer; certificate and key go into that file, mode 0600. The
certificate is good for a year. On the machine: \`holdfast login --service-account ID --certificate-file FILE\`. See docs/identity.md.
${serverHelp}`,
    )
    .action((name: string, options: CreateOptions) =>
      performWithServer(options, (work) => create(name, options, work)),
    );

  addServerOptions(accounts.command('list').description('accounts of machines'))
    .addHelpText('after', `\nExample:\n  $ holdfast service-account list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = await client.list('serviceAccounts', { signal });
        if (options.json) await printJson({ kind: 'service-accounts', serviceAccounts: found });
        else await printText(accountTable(found));
        return exitStatus.success;
      }),
    );

  addSource(
    addServerOptions(
      accounts
        .command('certificate')
        .description('the next certificate: --out makes one besides the present ones, --certificate replaces them')
        .argument('<name>', 'name or id'),
    ),
  )
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast service-account certificate report --out report-next.pem\n${serverHelp}`,
    )
    .action((name: string, options: SourceOptions) =>
      performWithServer(options, async (work) => {
        const { client, signal } = work;
        const { id } = await find(name, work);
        const { keep, ...source } = await sourceOf(options);
        const { certificatePem, ...account } = await client.call('setServiceAccountCertificates', {
          ...{ params: { id }, body: source, signal },
        });
        return tell(account, await keep(certificatePem), options);
      }),
    );

  addServerOptions(
    accounts
      .command('delete')
      .description('remove one; its tokens and grants end at once')
      .argument('<name>', 'name or id'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast service-account delete report\n${serverHelp}`)
    .action((name: string, options: ServerOptions) =>
      performWithServer(options, async (work) => {
        const { id } = await find(name, work);
        await work.client.call('deleteServiceAccount', { params: { id }, signal: work.signal });
        if (options.json) await printJson({ kind: 'service-account-deleted', id });
        else await print('It is removed.\n');
        return exitStatus.success;
      }),
    );
}

function addSource(command: Command): Command {
  return command
    .option('--out <file>', 'make a key here, have a certificate issued, and write both to a new file of mode 0600')
    .addOption(
      new Option(
        '--certificate <file>',
        'register this certificate (PEM), whoever issued it; may be repeated',
      ).argParser(collect),
    );
}

async function create(name: string, options: CreateOptions, { client, signal }: ServerWork) {
  const { role, groups, mode } = options;
  const repositoryIds: string[] = [];
  for (const text of options.repository ?? [])
    repositoryIds.push((await chooseRepository(client, { text, signal })).id);
  const computer =
    options.computer === undefined ? undefined : await chooseComputer(client, { text: options.computer, signal });
  const { keep, ...source } = await sourceOf(options, computer?.id);
  const { certificatePem, ...account } = await client.call('createServiceAccount', {
    body: {
      ...{ name, ...source },
      ...(role ? { role } : {}),
      ...(groups ? { groups: [...groups] } : {}),
      ...(repositoryIds.length > 0 ? { grants: { mode, repositoryIds } } : {}),
    },
    signal,
  });
  return tell(account, await keep(certificatePem), options);
}

/** What it proves itself with: one way of three. `keep` writes what the server has issued. */
async function sourceOf({ out, certificate = [] }: SourceOptions, computerId?: string) {
  const given = [out !== undefined, certificate.length > 0, computerId !== undefined].filter(Boolean).length;
  if (given !== 1)
    throw new HoldfastError('usage.option', {
      message: 'What the machine proves itself with is not known.',
      guidance: 'Give one of --out, for a new key and certificate; --certificate; and, of a new account, --computer.',
    });
  if (out !== undefined) {
    const { privateKeyPem, signingRequest } = await newKeyAndRequest();
    const keep = (issued = ''): Promise<string> => writeSecretFile(out, `${privateKeyPem.trimEnd()}\n${issued}`);
    return { signingRequest, keep };
  }
  // Nothing was issued.
  const keep = (): Promise<undefined> => Promise.resolve(undefined);
  if (computerId !== undefined) return { computerId, keep };
  return { certificates: await Promise.all(certificate.map((path) => readFile(resolvePath(path), 'utf8'))), keep };
}

async function find(text: string, { client, signal }: ServerWork): Promise<ServiceAccount> {
  const things = await client.list('serviceAccounts', { signal });
  const command = 'holdfast service-account list';
  return choose({ text, what: 'service account', things, nameOf: ({ name }) => name, command });
}

async function tell(account: ServiceAccount, certificateFile: string | undefined, { json }: ServerOptions) {
  if (json) await printJson({ kind: 'service-account', serviceAccount: account, certificateFile });
  else {
    const kept = certificateFile === undefined ? '' : `Key and certificate are in ${certificateFile}.\n`;
    const use = certificateFile ?? 'FILE';
    await printText(
      `Service account ${account.name}, id ${account.id}.\n${kept}On the machine: holdfast login --service-account ${account.id} --certificate-file ${use}\n`,
    );
  }
  return exitStatus.success;
}

function accountTable(accounts: readonly ServiceAccount[]): string {
  const rows = accounts.map(({ id, name, role, groups, grants, computerId, certificates, ...rest }) => [
    ...[id, name, role ?? '', groups?.join(' ') ?? 'all'],
    grants === undefined ? '' : `${grants.mode} ${grants.repositoryIds.length}`,
    computerId === undefined
      ? certificates.map(({ expiresAt }) => `until ${shownTime(expiresAt)}`).join(', ')
      : `of computer ${computerId}`,
    rest.lastTokenAt === undefined ? 'never' : `${shownTime(rest.lastTokenAt)} from ${rest.lastTokenFrom ?? ''}`,
  ]);
  return table([['Id', 'Name', 'Role', 'Groups', 'Grants', 'Certificate', 'Last token'], ...rows]);
}
