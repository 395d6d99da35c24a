import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '@holdfast/core';
import { prepareDataDir, readSecretFile, writeFileDurably } from '@holdfast/protocol';
import { z } from 'zod';

const fileName = 'zero-knowledge.json';

const ownKey = z.strictObject({
  version: z.literal(1),
  /** Opens every repository of this computer: made from its recovery phrase, or chosen by its administrator. */
  password: z.string().min(1).max(4096),
  createdAt: z.iso.datetime(),
});
/** The key of this computer's backups, which it keeps for itself. That it is there pins the zero-knowledge mode. */
export type OwnKey = z.infer<typeof ownKey>;

export function ownKeyPath(dataDir: string): string {
  return join(dataDir, fileName);
}

/**
 * Read anew for each task, so that the key stands in memory no longer than needed. Undefined: this computer has none.
 * @throws usage.configuration when the file can't be used: nothing is done then, rather than without it
 */
export async function loadOwnKey(dataDir: string): Promise<OwnKey | undefined> {
  const path = ownKeyPath(dataDir);
  const text = await readSecretFile(path);
  if (text === undefined) return undefined;
  const unusable = (why: string, guidance: string, cause?: unknown): HoldfastError =>
    new HoldfastError('usage.configuration', {
      message: `The key of this computer's backups, ${path}, ${why}.`,
      guidance,
      ...(cause === undefined ? {} : { cause }),
    });
  if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0)
    throw unusable('can be read by others', 'Give it mode 0600, and find out who has read it.');
  try {
    return ownKey.parse(JSON.parse(text));
  } catch (cause) {
    // Without the cause's message: it may repeat what stands in the file.
    throw unusable(
      'does not hold one',
      'Put it back, or remove it and run `holdfast zero-knowledge setup --again`.',
      cause,
    );
  }
}

export async function saveOwnKey(dataDir: string, key: OwnKey): Promise<void> {
  await prepareDataDir(dataDir);
  await writeFileDurably(ownKeyPath(dataDir), `${JSON.stringify(ownKey.parse(key), null, 2)}\n`);
}
