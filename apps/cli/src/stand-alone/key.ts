import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { addKey, changePassword, listKeys, removeKey } from '@holdfast/repository/keys';
import type { NewKeyOptions } from '../commands/key.ts';
import { counted, print, printJson, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import { openGivenRepository } from './open-repository.ts';
import { askForPassword, passwordFileOf, readPasswordFile } from './password.ts';
import { canPrompt } from './password-prompt.ts';
import type { RepositoryOptions } from './repository-options.ts';

export async function showKeys(options: RepositoryOptions, work: Work): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  const repository = await openGivenRepository(options, { resources, signal });
  let unreadable = 0;
  const keys = await listKeys(repository, {
    signal,
    onProblem: (problem) => {
      unreadable += 1;
      view.problem(problem);
    },
  });
  if (options.json) {
    await printJson(
      keys.map(({ current, id, username, hostname, created, retainUntil }) => ({
        current,
        id,
        userName: username,
        hostName: hostname,
        created: shownTime(created),
        retainUntil: retainUntil?.toISOString(),
      })),
    );
  } else {
    const rows = keys.map((key) => [
      `${key.current ? '*' : ' '}${key.id.slice(0, 8)}`,
      key.username,
      key.hostname,
      shownTime(key.created),
      key.retainUntil && key.retainUntil > new Date() ? `not deleted before ${shownTime(key.retainUntil)}` : '',
    ]);
    await print(`${table([[' ID', 'User', 'Host', 'Created', ''], ...rows])}${counted(keys.length, 'key')}\n`);
  }
  return unreadable === 0 ? exitStatus.success : exitStatus.incomplete;
}

export async function addNewKey(options: NewKeyOptions, work: Work): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  const repository = await openGivenRepository(options, { resources, signal });
  const password = await readNewPassword(options, signal);
  resources.use(await repository.lock({ exclusive: false, signal, onProblem: view.problem }));
  const id = await addKey(repository, { password, keyOptions: owner(options), signal });
  if (options.json) await printJson({ kind: 'keyAdded', id });
  else if (!options.quiet) await print(`saved new key with ID ${id}\n`);
  return exitStatus.success;
}

export async function removeOneKey(prefix: string, options: RepositoryOptions, work: Work): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  const repository = await openGivenRepository(options, { resources, signal });
  resources.use(await repository.lock({ exclusive: true, signal, onProblem: view.problem }));
  const id = await removeKey(repository, prefix, { signal });
  if (options.json) await printJson({ kind: 'keyRemoved', id });
  else if (!options.quiet) await print(`removed key ${id}\n`);
  return exitStatus.success;
}

export async function changeKey(options: NewKeyOptions, work: Work): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  const repository = await openGivenRepository(options, { resources, signal });
  const password = await readNewPassword(options, signal);
  resources.use(await repository.lock({ exclusive: true, signal, onProblem: view.problem }));
  const { added, removed, kept } = await changePassword(repository, { password, keyOptions: owner(options), signal });
  if (kept !== undefined) view.note(`Warning: ${kept.message}\n  What to do: ${kept.guidance}`);
  if (options.json) {
    const old = kept === undefined ? { removedId: removed } : { problem: kept.toJSON() };
    await printJson({ kind: 'keyChanged', id: added, ...old });
  } else if (!options.quiet) await print(`saved new key as ${added}\n`);
  return kept === undefined ? exitStatus.success : exitStatus.incomplete;
}

/** An empty name is no name, as with restic: the person's own is taken. */
function owner({ user, host }: NewKeyOptions): { username?: string; hostname?: string } {
  return { ...(user ? { username: user } : {}), ...(host ? { hostname: host } : {}) };
}

async function readNewPassword(options: NewKeyOptions, signal: AbortSignal): Promise<string> {
  if (options.newInsecureNoPassword) return '';
  if (options.newPasswordFile === undefined) {
    if (canPrompt()) return askForPassword({ what: 'repository', confirm: true, signal });
    throw new HoldfastError('usage.option', {
      message: 'No new password was given, and there is no terminal to ask on.',
      guidance: 'Use --new-password-file FILE.',
    });
  }
  if (options.newPasswordFile === '-' && passwordFileOf(options) === '-') {
    throw new HoldfastError('usage.option', { message: 'Both passwords cannot come from standard input.' });
  }
  return readPasswordFile(options.newPasswordFile);
}
