import { exitStatus, HoldfastError } from '@holdfast/core';
import { type Computer, type ComputerDetail, type ComputerFilter, computerFilters } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { printExpected } from '../managed/expected-computers.ts';
import { chooseComputer } from '../managed/names.ts';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { writeSecretFile } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { lifetime, wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

type Role = 'agent' | 'mover';

interface ListOptions extends ServerOptions {
  readonly role?: Role;
  readonly group?: string;
  readonly state?: ComputerFilter | 'unmanaged';
  readonly text?: string;
}

interface CreateTokenOptions extends ServerOptions {
  readonly role: Role;
  readonly group: string;
  readonly uses: number;
  readonly lifetime: number;
  readonly preinstalled?: boolean;
  readonly out?: string;
}

/** `holdfast token` and `holdfast computers`: who may join, and who has. */
export function registerComputers(program: Command): void {
  const token = program
    .command('token')
    .description('join tokens: one-time passwords with which computers join the server');

  addServerOptions(token.command('create').description('make a join token; its text is shown this once'))
    .addOption(new Option('--role <role>', 'what joins with it').choices(['agent', 'mover']).makeOptionMandatory())
    .option('--group <name>', 'group that the computers join', 'default')
    .option('--uses <n>', 'so many computers', wholeNumber(1, 10_000), 1)
    .option('--lifetime <time>', 'as long as this: 30m, 24h, 7d', lifetime, 3_600_000)
    .option(
      '--preinstalled',
      'for computers that cannot be dialled, behind address translation for example: they call in',
    )
    .option('--out <file>', 'write the token to a new file of mode 0600 instead of showing it')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast token create --role agent\n  $ holdfast token create --role agent --uses 50 --lifetime 7d --out token.txt\n${serverHelp}`,
    )
    .action((options: CreateTokenOptions) => createToken(options));

  addServerOptions(token.command('list').description('join tokens that can still be used; their text is not kept'))
    .addHelpText('after', `\nExample:\n  $ holdfast token list\n${serverHelp}`)
    .action((options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const tokens = await client.list('tokens', { signal });
        if (options.json) await printJson({ kind: 'tokens', tokens });
        else {
          const rows = tokens.map(({ id, role, group, usesLeft, expiresAt }) => [
            id,
            role,
            group,
            String(usesLeft),
            shownTime(expiresAt),
          ]);
          await printText(table([['Id', 'Role', 'Group', 'Uses left', 'Expires'], ...rows], { right: [3] }));
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    token.command('delete').description('withdraw a join token').argument('<id>', 'as `holdfast token list` prints it'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast token delete 6f1c2a34-…\n${serverHelp}`)
    .action((id: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const tokens = await client.list('tokens', { signal });
        const found = tokens.filter((known) => known.id.startsWith(id.toLowerCase()));
        const [only] = found;
        if (!only || found.length > 1) {
          throw new HoldfastError(only ? 'usage.option' : 'request.missing', {
            message: only
              ? `${found.length} tokens have ids that begin with ${id}.`
              : `There is no join token ${id} that can still be used.`,
            guidance: '`holdfast token list` prints them.',
          });
        }
        await client.call('deleteToken', { params: { id: only.id }, signal });
        if (options.json) await printJson({ kind: 'token-deleted', id: only.id });
        else await printText(`Token ${only.id} is withdrawn.\n`);
        return exitStatus.success;
      }),
    );

  const computers = program.command('computers').description('agents and movers that have joined the server');

  addServerOptions(computers.command('list').description('who has joined, and who is online'))
    .addOption(new Option('--role <role>', 'only these').choices(['agent', 'mover']))
    .option('--group <name>', 'only those of this protection group')
    .addOption(
      new Option('--state <state>', 'only those of a built-in group; unmanaged: expected, but not joined').choices([
        ...computerFilters,
        'unmanaged',
      ]),
    )
    .option('--text <part>', 'only those with this in the host name or address')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast computers list\n  $ holdfast computers list --state out-of-date --group web\n  $ holdfast computers list --state unmanaged\n${serverHelp}`,
    )
    .action((options: ListOptions) =>
      performWithServer(options, async (work) => {
        const { client, signal } = work;
        const { role, state, text } = options;
        const group = options.group === undefined ? {} : { group: options.group };
        if (state === 'unmanaged') {
          await printExpected({ ...group, state }, { ...work, json: options.json });
          return exitStatus.success;
        }
        const query = { ...group, ...(role ? { role } : {}), ...(state ? { state } : {}), ...(text ? { text } : {}) };
        const found = await client.list('computers', { query, signal });
        if (options.json) await printJson({ kind: 'computers', computers: found });
        else {
          const rows = found.map((one) => [
            one.hostname,
            one.role,
            shownState(one),
            one.group,
            one.address,
            one.platform,
            one.productVersion,
            one.lastSeenAt === undefined ? '' : shownTime(one.lastSeenAt),
            one.lastBackupAt === undefined ? '' : shownTime(one.lastBackupAt),
            one.id,
          ]);
          await printText(
            table([
              ['Host', 'Role', 'State', 'Group', 'Address', 'Platform', 'Version', 'Last seen', 'Last backup', 'Id'],
              ...rows,
            ]),
          );
        }
        return exitStatus.success;
      }),
    );

  addServerOptions(
    computers
      .command('move')
      .description('move a computer to another protection group')
      .argument('<name>', 'host name or id')
      .argument('<group>', 'the name of the group'),
  )
    .addOption(new Option('--role <role>', 'where an agent and a mover have one name').choices(['agent', 'mover']))
    .addHelpText('after', `\nExample:\n  $ holdfast computers move web1 web --role agent\n${serverHelp}`)
    .action((name: string, group: string, options: ServerOptions & { readonly role?: Role }) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await chosenComputer(name, options, { client, signal });
        const computer = await client.call('moveComputer', { params: { id }, body: { group }, signal });
        if (options.json) await printJson({ kind: 'computer', computer });
        else await printText(`${computer.role} ${computer.hostname} is in the protection group ${computer.group}.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    computers
      .command('rescan')
      .description('look whether it is there, and at its version and certificate, now; deploys nothing')
      .argument('<name>', 'host name or id'),
  )
    .addOption(new Option('--role <role>', 'where an agent and a mover have one name').choices(['agent', 'mover']))
    .addHelpText('after', `\nExample:\n  $ holdfast computers rescan web1 --role agent\n${serverHelp}`)
    .action((name: string, options: ServerOptions & { readonly role?: Role }) =>
      performWithServer(options, async ({ client, signal }) => {
        const { id } = await chosenComputer(name, options, { client, signal });
        const computer = await client.call('rescanComputer', { params: { id }, signal });
        if (options.json) await printJson({ kind: 'computer', computer });
        else
          await printText(
            `${computer.role} ${computer.hostname}: ${shownState(computer)}; version ${computer.productVersion}, certificate until ${shownTime(computer.certificateExpiresAt)}.\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(
    computers
      .command('revoke')
      .description("revoke a computer's certificate, at once and for good")
      .argument('<name>', 'host name or id'),
  )
    .addOption(new Option('--role <role>', 'where an agent and a mover have one name').choices(['agent', 'mover']))
    .option('--yes', 'really: the computer has to join again with a new token')
    .addHelpText('after', `\nExample:\n  $ holdfast computers revoke web1 --role agent --yes\n${serverHelp}`)
    .action((name: string, options: ServerOptions & { readonly role?: Role; readonly yes?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        const chosen = await chosenComputer(name, options, { client, signal });
        if (!options.yes) {
          throw new HoldfastError('usage.option', {
            message: `This would lock out ${chosen.role} ${chosen.hostname} (${chosen.id}) for good; nothing was done.`,
            guidance: 'Say --yes if you mean it.',
          });
        }
        const computer = await client.call('revokeComputer', { params: { id: chosen.id }, signal });
        if (options.json) await printJson({ kind: 'computer-revoked', computer });
        else await printText(`The certificate of ${computer.role} ${computer.hostname} (${computer.id}) is revoked.\n`);
        return exitStatus.success;
      }),
    );
}

function chosenComputer(
  text: string,
  { role }: { readonly role?: Role },
  { client, signal }: Pick<ServerWork, 'client' | 'signal'>,
): Promise<Computer> {
  return chooseComputer(client, { text, ...(role === undefined ? {} : { role }), signal });
}

function shownState({ state, role, preinstalled, conditions }: ComputerDetail): string {
  // The server does not look at the movers of such computers; their agents tell.
  const shown = preinstalled && role === 'mover' && state === 'offline' ? 'not dialled' : state;
  return [shown, ...conditions.filter((condition) => condition !== 'untrusted' || state !== 'revoked')].join(', ');
}

function createToken(options: CreateTokenOptions): Promise<void> {
  return performWithServer(options, async ({ client, signal }) => {
    const made = await client.call('createToken', {
      body: {
        role: options.role,
        group: options.group,
        uses: options.uses,
        preinstalled: options.preinstalled ?? false,
        lifetimeSeconds: Math.ceil(options.lifetime / 1000),
      },
      signal,
    });
    const { token, ...rest } = made;
    const file = options.out === undefined ? undefined : await writeSecretFile(options.out, `${token}\n`);
    if (options.json)
      await printJson({ kind: 'token', ...rest, ...(file === undefined ? { token } : { tokenFile: file }) });
    else {
      const shown = file === undefined ? `Token: ${token}\n` : `The token is in ${file}.\n`;
      await printText(
        `${shown}Good for ${made.usesLeft === 1 ? 'one computer' : `${made.usesLeft} computers`} until ${shownTime(made.expiresAt)}. On the ${made.role}'s computer, with the token in a file:\n\n` +
          `  holdfast enroll --role ${made.role} --server HOST --ca-fingerprint ${made.caFingerprint} --token-file FILE\n`,
      );
    }
    return exitStatus.success;
  });
}
