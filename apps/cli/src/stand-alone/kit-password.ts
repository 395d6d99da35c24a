import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { kitPasswordIn, type SealedKitPassword } from '@holdfast/protocol';
import type { Target } from '@holdfast/storage';
import { askKit } from '../managed/kit-words.ts';
import { writeSecretFile } from '../managed/secret-file.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { openTarget, requireRepository } from './open-repository.ts';
import type { RepositoryOptions } from './repository-options.ts';

/** Key files of one repository that are looked at: each person and place has one. */
const maxKeys = 1_000;
const maxKeyFileBytes = 64 * 1024;

export interface KitPasswordOptions extends RepositoryOptions {
  readonly wordsFile?: string;
  readonly out?: string;
}

/** The password that a repository has for the recovery kit, for any restic. */
export async function showKitPassword(options: KitPasswordOptions, work: Work): Promise<ExitStatus> {
  const { signal, resources } = work;
  const location = await requireRepository(options);
  const target = await openTarget(location, { options, create: false, resources, signal });
  const sealed = await sealedPasswords(target, signal);
  if (sealed.length === 0)
    throw new HoldfastError('kit.none', {
      message: `No key of ${target.location} is for a recovery kit.`,
      guidance: 'Ask for its password where it is kept: the server’s vault, or whoever made the repository.',
    });
  const kit = await askKit({ wordsFile: options.wordsFile, signal });
  const own = sealed.find(({ kitId }) => kitId === kit.id);
  if (!own)
    throw new HoldfastError('kit.other', {
      message: `Those are the words of recovery kit ${kit.id}; ${target.location} opens with ${sealed.map(({ kitId }) => kitId).join(', ')}.`,
    });
  const { openPassword } = await import('@holdfast/protocol/recovery-kit');
  const password = await openPassword(own.sealedPassword, kit);
  const file = options.out === undefined ? undefined : await writeSecretFile(options.out, `${password}\n`);
  if (options.json)
    await printJson({
      kind: 'kit-password',
      kitId: kit.id,
      ...(file === undefined ? { password } : { passwordFile: file }),
    });
  else await print(file === undefined ? `${password}\n` : `The password is in ${file}.\n`);
  return exitStatus.success;
}

async function sealedPasswords(target: Target, signal: AbortSignal): Promise<SealedKitPassword[]> {
  const found: SealedKitPassword[] = [];
  let seen = 0;
  for await (const page of target.list('key', { signal }))
    for (const { id, sizeBytes } of page) {
      seen += 1;
      if (seen > maxKeys) return found;
      if (sizeBytes > maxKeyFileBytes) continue;
      const sealed = kitPasswordIn(await target.read({ type: 'key', id }, { signal }));
      if (sealed) found.push(sealed);
    }
  return found;
}
