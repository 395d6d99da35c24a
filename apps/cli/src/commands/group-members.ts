import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { exitStatus, HoldfastError } from '@holdfast/core';
import { type ExpectedComputer, platform } from '@holdfast/protocol';
import { type Command, Option } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { shellWord, writeSecretFile } from '../managed/secret-file.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect, lifetime, wholeNumber } from '../option-values.ts';
import { printJson, printText, shownTime } from '../output.ts';

interface AddOptions extends ServerOptions {
  readonly address?: string;
  readonly platform?: NonNullable<ExpectedComputer['platform']>;
  readonly comment?: string;
}

interface ExportOptions extends ServerOptions {
  readonly role: 'agent' | 'mover';
  readonly uses: number;
  readonly lifetime: number;
  readonly serverName?: string[];
  readonly out: string;
}

/** `holdfast groups add`, `forget`, `upload`, `export`: which computers a group is to have. */
export function registerGroupMembers(groups: Command): void {
  addServerOptions(
    groups
      .command('add')
      .description('expect computers in a group of individual computers')
      .argument('<group>', 'its name')
      .argument('<names...>', 'host names or addresses'),
  )
    .option('--address <address>', 'of the one computer')
    .addOption(new Option('--platform <platform>', 'what it runs').choices(platform.options))
    .option('--comment <text>', 'for people')
    .addHelpText('after', `\nExample:\n  $ holdfast groups add web web1 web2\n${serverHelp}`)
    .action((group: string, names: string[], options: AddOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { address, comment } = options;
        if (address !== undefined && names.length > 1)
          throw new HoldfastError('usage.option', { message: '--address is that of one computer; several are named.' });
        const facts = {
          ...(address === undefined ? {} : { address }),
          ...(comment === undefined ? {} : { comment }),
          ...(options.platform === undefined ? {} : { platform: options.platform }),
        };
        const computers = names.map((name) => ({ name, ...facts }));
        const answer = await client.call('expectComputers', { params: { id: group }, body: { computers }, signal });
        if (options.json) await printJson({ kind: 'expected', group, ...answer });
        else await printText(`The protection group ${group} expects ${names.join(', ')}.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    groups
      .command('forget')
      .description('expect computers no longer; of a CSV group those that its list has no longer')
      .argument('<group>', 'its name')
      .argument('<names...>', 'as `holdfast groups expected` prints them'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast groups forget web web2\n${serverHelp}`)
    .action((group: string, names: string[], options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const answer = await client.call('forgetExpected', { params: { id: group }, body: { names }, signal });
        if (options.json) await printJson({ kind: 'forgotten', group, ...answer });
        else await printText(`The protection group ${group} no longer expects ${names.join(', ')}.\n`);
        return exitStatus.success;
      }),
    );

  addServerOptions(
    groups
      .command('upload')
      .description('give a CSV group that reads no file its list')
      .argument('<group>', 'its name')
      .argument('<file>', 'name,address,platform,comment in each line; - reads standard input'),
  )
    .addHelpText('after', `\nExample:\n  $ holdfast groups upload branches branches.csv\n${serverHelp}`)
    .action((group: string, file: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const content = file === '-' ? await text(process.stdin) : await readFile(resolvePath(file), 'utf8');
        const answer = await client.call('uploadCsv', { params: { id: group }, body: { content }, signal });
        if (options.json) await printJson({ kind: 'list-uploaded', group, ...answer });
        else
          await printText(
            `${answer.listed} computers are listed, ${answer.excluded} excluded, ${answer.noLongerListed} no longer listed.\n`,
          );
        return exitStatus.success;
      }),
    );

  addServerOptions(
    groups
      .command('export')
      .description('write the configuration with which pre-installed computers join; it holds a join token')
      .argument('<group>', 'a group of type preinstalled'),
  )
    .requiredOption('--out <file>', 'a new file of mode 0600')
    .addOption(new Option('--role <role>', 'what joins with it').choices(['agent', 'mover']).default('agent'))
    .option('--uses <n>', 'so many computers', wholeNumber(1, 10_000), 1)
    .option('--lifetime <time>', 'as long as this: 24h, 7d', lifetime, 7 * 86_400_000)
    .option('--server-name <host>', 'where the computers find the server; may be repeated', collect)
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast groups export kiosks --uses 20 --server-name backup.example --out kiosks.json\n\nOn each computer:\n  $ holdfast enroll --config kiosks.json\n${serverHelp}`,
    )
    .action((group: string, options: ExportOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const { role, uses } = options;
        const servers = options.serverName ?? [];
        const lifetimeSeconds = Math.ceil(options.lifetime / 1000);
        const made = await client.call('exportGroup', {
          params: { id: group },
          body: { role, uses, lifetimeSeconds, servers },
          signal,
        });
        const file = await writeSecretFile(options.out, `${JSON.stringify(made, undefined, 2)}\n`);
        if (options.json) await printJson({ kind: 'group-exported', group, file, expiresAt: made.expiresAt });
        else
          await printText(
            `The configuration is in ${file}. Good for ${uses === 1 ? 'one computer' : `${uses} computers`} until ${shownTime(made.expiresAt)}. On each of them:\n\n  holdfast enroll --config ${shellWord(file)}\n`,
          );
        return exitStatus.success;
      }),
    );
}
