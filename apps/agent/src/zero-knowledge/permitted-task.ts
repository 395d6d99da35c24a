import { lstat, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { RestoreTask, Task } from '@holdfast/protocol';
import type { ZeroKnowledgeConfig } from '../config.ts';

/**
 * A repository whose key the server has: what is backed up to it would be the server's, and what is restored from it its choice.
 * @throws zero-knowledge.refused
 */
export function refuseForeignKey({ access }: Task): void {
  if (access.password !== undefined)
    throw refused(
      `Repository ${access.repository} is one whose key the server has.`,
      'Make a repository of the zero-knowledge mode for this computer (`holdfast repo create --zero-knowledge`), and have its jobs and policies back up to that one.',
    );
}

/**
 * What a computer that keeps the key of its backups for itself does for its server: what is named here, in repositories that its
 * own key opens, and nothing else. The server may be in the hands of an attacker: so it is this computer's configuration that
 * decides, and a kind of task that a later version brings is refused until it is named here. Gives the task with the key.
 * @throws zero-knowledge.refused
 */
export async function permittedTask(
  task: Task,
  { password, config }: { readonly password: string; readonly config: ZeroKnowledgeConfig },
): Promise<Task> {
  refuseForeignKey(task);
  const access = { ...task.access, password };
  switch (task.kind) {
    case 'backup': {
      const { sources, excludes, oneFileSystem } = config;
      // Else the server learns from counts which of the names that it guesses are there.
      if (sources) return { ...task, access, wholeComputer: false, sources, excludes, oneFileSystem };
      refuseWildcards(task.excludes, 'excludes', 'Say what is left out in the configuration of the agent.');
      return { ...task, access };
    }
    case 'restore':
      // What it shows would be of the server's choosing.
      if (task.view)
        throw refused(
          'The server asked for a restore of what an executor shows.',
          'Restore from a repository of this computer.',
        );
      if (task.deletes)
        throw refused(
          'The server asked for a restore that deletes what the backup does not have.',
          'Restore at this computer for that: `holdfast recovery restore --delete`.',
        );
      for (const patterns of [task.include, task.exclude, task.includeAnyCase, task.excludeAnyCase])
        refuseWildcards(patterns ?? [], 'restores', 'Name files and folders in full.');
      for (const patterns of [task.includeXattrs, task.excludeXattrs])
        refuseWildcards(patterns ?? [], 'restores', 'Name extended attributes in full.');
      return { ...task, access, target: await permittedTarget(task, config.restoreTo) };
    case 'forget':
    case 'prune':
    case 'check':
    case 'drill':
    case 'analysis':
    case 'snapshots':
    case 'stats':
      return { ...task, access };
    default:
      throw refused(
        `The server asked for ${task.kind}.`,
        'Look into backups, search them and take files out of them at this computer, or at another with its recovery phrase: `holdfast recovery --help`.',
      );
  }
}

/** With them, and the counts in results, the server could spell out the names of files, letter by letter. */
function refuseWildcards(patterns: readonly string[], what: string, guidance: string): void {
  if (patterns.some((pattern) => /[*?[]/.test(pattern)))
    throw refused(`The server ${what} by patterns with wildcards (* ? [).`, guidance);
}

/** Where it really leads to, links followed: a folder that the administrator of this computer allows, or below one. */
async function permittedTarget({ target }: RestoreTask, folders: readonly string[]): Promise<string> {
  const place = await realPlace(resolve(target));
  for (const folder of folders) {
    const inside = relative(await realPlace(folder), place);
    if (inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)) return place;
  }
  throw refused(
    'The server asked for a restore to a folder that is not in `zeroKnowledge.restoreTo` of the configuration here.',
    'Allow the folder in the configuration of the agent, or restore at this computer: `holdfast recovery restore`.',
  );
}

async function realPlace(path: string): Promise<string> {
  const missing: string[] = [];
  let present = path;
  for (; dirname(present) !== present; present = dirname(present)) {
    if (await exists(present)) break;
    missing.unshift(relative(dirname(present), present));
  }
  return join(await realpath(present), ...missing);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function refused(message: string, guidance: string): HoldfastError {
  return new HoldfastError('zero-knowledge.refused', {
    message: `This computer keeps the key of its backups for itself. ${message}`,
    guidance,
  });
}
