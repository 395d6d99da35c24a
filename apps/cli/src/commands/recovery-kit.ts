import type { Command } from 'commander';
import { performWithServer } from '../managed/perform-with-server.ts';
import type { CreateKitOptions, KitWordsOptions } from '../managed/recovery-kit.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import type { KitPasswordOptions } from '../stand-alone/kit-password.ts';
import { addOutputOptions, addRepositoryOptions, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

const load = () => import('../managed/recovery-kit.ts');
const wordsOption = ['--words-file <file>', 'file that holds the words; else they are asked for'] as const;

/** `holdfast recovery-kit`: the paper with which one starts again. */
export function registerRecoveryKit(program: Command): void {
  const kits = program
    .command('recovery-kit')
    .description('the paper that, with the storage, is enough to start again')
    .addHelpText(
      'after',
      `
A kit is 15 words. Every repository has a key for it, and every configuration backup of the server is sealed to it. The server
has only what is needed to seal: whoever takes the server does not have the kit. docs/recovery.md says how to use it.`,
    );

  addServerOptions(kits.command('create').description('make one, and print the document'))
    .option('--out <file>', 'write the document to a new file of mode 0600 (Markdown) instead of standard output')
    .option('--replace', 'in the place of the present one, whose key the repositories then lose')
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast recovery-kit create --out kit.md\n  $ holdfast recovery-kit create | lp\n${serverHelp}`,
    )
    .action((options: CreateKitOptions) =>
      performWithServer(options, async (work) => (await load()).createKit(options, work)),
    );

  addServerOptions(kits.command('verify').description('show that its words are on paper, by typing them'))
    .option(...wordsOption)
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast recovery-kit verify\n\nThe words are looked at on this computer; the server sees none of them.\n${serverHelp}`,
    )
    .action((options: KitWordsOptions) =>
      performWithServer(options, async (work) => (await load()).verifyKit(options, work)),
    );

  addServerOptions(kits.command('status').description('which kit is in force, and what opens with it'))
    .addHelpText(
      'after',
      `\nExample:\n  $ holdfast recovery-kit status\n\nExit status 3: it was not verified, or repositories do not open with it yet.\n${serverHelp}`,
    )
    .action((options: ServerOptions) =>
      performWithServer(options, async (work) => (await load()).showKit(options, work)),
    );

  const password = kits
    .command('password')
    .description('the password that a repository has for the kit, for any restic; without a server');
  addRepositoryOptions(password, { orServer: false });
  addOutputOptions(password)
    .option(...wordsOption)
    .option('--out <file>', 'write it to a new file of mode 0600, for --password-file')
    .addHelpText(
      'after',
      `
Example:
  $ holdfast recovery-kit password --repo /srv/holdfast/local/laptops --out password
  $ restic -r /srv/holdfast/local/laptops --password-file password snapshots

JSON: {kind: "kit-password", kitId, password or passwordFile}
${exitStatusHelp}`,
    )
    .action((options: KitPasswordOptions) =>
      perform(options, async (work) => (await import('../stand-alone/kit-password.ts')).showKitPassword(options, work)),
    );
}
