import { type Command, Option } from 'commander';
import {
  addOutputOptions,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

export interface NewKeyOptions extends RepositoryOptions {
  readonly newPasswordFile?: string;
  readonly newInsecureNoPassword?: boolean;
  readonly user?: string;
  readonly host?: string;
}

const alone = environmentHelp.replace('Without --repo the command talks to the backup server. ', '');

/** `holdfast key`: the passwords that open a repository. */
export function registerKey(program: Command): void {
  const keys = program
    .command('key')
    .description('the keys (passwords) of a repository: list, add, remove, change; without a server')
    .addHelpText(
      'after',
      `
Every key seals the same master key under a password of its own, so that several people or places can open a repository,
and a password can be changed without writing any data again. Whoever once knew a password, and kept a copy of its key
file, has the master key: removing the key does not take that back.`,
    );

  const list = keys.command('list').description('list the keys; * marks the one that the given password opens');
  addRepositoryOptions(list, { orServer: false });
  addOutputOptions(list)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast key list --repo /mnt/disk/repo -p password.txt
${alone}

JSON, as restic's: [{current, id, userName, hostName, created}], and retainUntil where the storage does not delete the
key before that time.
${exitStatusHelp}`,
    )
    .action((options: RepositoryOptions) =>
      perform(options, async (work) => (await import('../stand-alone/key.ts')).showKeys(options, work)),
    );

  const add = keys.command('add').description('add a key with one more password');
  addRepositoryOptions(addNewKeyOptions(add), { orServer: false });
  addOutputOptions(add)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast key add --repo /mnt/disk/repo -p password.txt --new-password-file second.txt --user ann --host web1
  $ holdfast key add -r repo -p password.txt                    asks for the new password, twice

The new key is read back and opened before the command ends.
${alone}

JSON: {kind: "keyAdded", id}
${exitStatusHelp}`,
    )
    .action((options: NewKeyOptions) =>
      perform(options, async (work) => (await import('../stand-alone/key.ts')).addNewKey(options, work)),
    );

  const remove = keys
    .command('remove')
    .description('remove a key; never the one that the given password opens')
    .argument('<id>', 'id of the key, or its beginning');
  addRepositoryOptions(remove, { orServer: false });
  addOutputOptions(remove)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast key remove 1a2b3c4d --repo /mnt/disk/repo -p password.txt

Takes the exclusive lock. A key that the storage protects (immutability) stays until its date, and the message says so.
${alone}

JSON: {kind: "keyRemoved", id}
${exitStatusHelp}`,
    )
    .action((id: string, options: RepositoryOptions) =>
      perform(options, async (work) => (await import('../stand-alone/key.ts')).removeOneKey(id, options, work)),
    );

  const passwd = keys.command('passwd').description('change the password: a new key replaces the one in use');
  addRepositoryOptions(addNewKeyOptions(passwd), { orServer: false });
  addOutputOptions(passwd)
    .addHelpText(
      'after',
      `
Example:
  $ holdfast key passwd --repo /mnt/disk/repo -p old.txt --new-password-file new.txt

The old key is removed when the new one is stored durably and has been opened. Takes the exclusive lock. Where the storage
does not delete the old key yet, both passwords open the repository, and the status is 3.
${alone}

JSON: {kind: "keyChanged", id, removedId?, problem?}
${exitStatusHelp}`,
    )
    .action((options: NewKeyOptions) =>
      perform(options, async (work) => (await import('../stand-alone/key.ts')).changeKey(options, work)),
    );
}

function addNewKeyOptions(command: Command): Command {
  return command
    .option('--new-password-file <file>', 'file that holds the new password; - reads standard input')
    .addOption(
      new Option('--new-insecure-no-password', 'the new key has an empty password').conflicts('newPasswordFile'),
    )
    .option('--user <name>', 'the user name that the new key shows; else yours')
    .option('--host <name>', 'the host name that the new key shows; else that of this computer');
}
