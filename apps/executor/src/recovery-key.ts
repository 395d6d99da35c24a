import { randomBytes } from 'node:crypto';
import { hasCode } from '@holdfast/core';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import { sealPassword } from '@holdfast/protocol/recovery-kit';
import { addKey, listKeys } from '@holdfast/repository/keys';
import type { Work } from './execute.ts';

/**
 * Gives the repository a key for the recovery kit: its password is made here, sealed to the kit, kept in the key file in that form,
 * and forgotten. Keys of former kits go; the lock need not be exclusive for that, because the last key of a repository is never one
 * of them.
 */
export async function recoveryKey(
  { kit }: Extract<Task, { kind: 'recovery-key' }>,
  { repository, signal, onProblem }: Work,
): Promise<TaskOutcome> {
  return repository.underLock({ exclusive: false, signal, onProblem }, async (lock) => {
    const under = AbortSignal.any([signal, lock.signal]);
    const keys = await listKeys(repository, { signal: under, onProblem });
    if (!keys.some(({ recoveryKit }) => recoveryKit?.kitId === kit.id)) {
      const password = randomBytes(32).toString('base64url');
      const recoveryKit = { kitId: kit.id, sealedPassword: await sealPassword(password, kit) };
      await addKey(repository, { password, keyOptions: { username: 'recovery-kit', recoveryKit }, signal: under });
    }
    let formerKeys = 0;
    for (const { id, recoveryKit } of keys) {
      if (recoveryKit === undefined || recoveryKit.kitId === kit.id) continue;
      try {
        await repository.delete('key', id, { signal: under });
      } catch (error) {
        if (!hasCode(error, 'storage.immutable')) throw error;
        formerKeys += 1;
      }
    }
    return { kind: 'recovery-key', kitId: kit.id, formerKeys };
  });
}
