import { type Command, Option } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import type { PhraseOptions, SetupOptions } from '../roles/zero-knowledge.ts';
import { addOutputOptions, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

const load = () => import('../roles/zero-knowledge.ts');
const phraseOption = ['--phrase-file <file>', 'file that holds the recovery phrase; else it is asked for'] as const;

/** `holdfast zero-knowledge`: the key of a computer's backups that no server has. */
export function registerZeroKnowledge(program: Command): void {
  const commands = program
    .command('zero-knowledge')
    .description('the key of this computer’s backups, which its server never has')
    .addHelpText(
      'after',
      `
These commands are run by the administrator of a protected computer, at that computer. They talk to no server.
docs/zero-knowledge.md says what the mode keeps from whom, and what it costs.`,
    );

  withData(commands.command('setup').description('make the key, and print its recovery phrase'))
    .option('--out <file>', 'write the phrase to a new file of mode 0600 (Markdown) instead of standard output')
    .addOption(new Option('--again', 'with the phrase of a key that was made before, which is asked for'))
    .addOption(new Option(...phraseOption).implies({ again: true }))
    .addOption(
      new Option('--password-file <file>', 'with a password of your own, and no phrase').conflicts([
        ...['again', 'phraseFile', 'out'],
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast zero-knowledge setup --out phrase.md      on a computer whose backups never had a key of their own
  $ holdfast zero-knowledge setup --again              on one that takes the place of a computer that is lost

From now on this computer's agent does nothing for its server in repositories whose key the server has. Who loses this computer
and its phrase loses its backups: the server's recovery kit does not open them.

JSON: {kind: "zero-knowledge", keyFile, document or documentFile}
${exitStatusHelp}`,
    )
    .action((options: SetupOptions) => perform(options, async (work) => (await load()).setUp(options, work)));

  withData(commands.command('verify').description('show that the recovery phrase is on paper, by typing it'))
    .option(...phraseOption)
    .addHelpText('after', `\nExample:\n  $ holdfast zero-knowledge verify\n${exitStatusHelp}`)
    .action((options: PhraseOptions) => perform(options, async (work) => (await load()).verify(options, work)));

  addOutputOptions(
    commands.command('password').description('the password that a recovery phrase stands for, for any restic'),
  )
    .option(...phraseOption)
    .option('--out <file>', 'write it to a new file of mode 0600, for --password-file')
    .option('--show', 'show it on the screen')
    .addHelpText(
      'after',
      `
Example:
  $ holdfast zero-knowledge password --out password
  $ restic -r /srv/holdfast/local/boss --password-file password snapshots

JSON: {kind: "password", password or passwordFile}
${exitStatusHelp}`,
    )
    .action((options: PhraseOptions & { readonly out?: string; readonly show?: boolean }) =>
      perform(options, async (work) => (await load()).showPassword(options, work)),
    );
}

function withData(command: Command): Command {
  command.option(
    '--data <directory>',
    `where the agent of this computer keeps its state (default: ${defaultDataDirectory()}/agent)`,
  );
  return addOutputOptions(command);
}
