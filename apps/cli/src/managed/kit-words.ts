import type { KitKeys } from '@holdfast/protocol/recovery-kit';
import { askSecret } from './ask.ts';

/** The keys of a recovery kit, from its words: typed, or in a file. They are used in this process alone. */
export async function askKit(o: {
  readonly wordsFile: string | undefined;
  readonly signal: AbortSignal;
}): Promise<KitKeys> {
  const { kitKeys, secretOf } = await import('@holdfast/protocol/recovery-kit');
  const typed = await askSecret({
    question: 'Words of the recovery kit, in their order: ',
    file: o.wordsFile,
    option: '--words-file',
    signal: o.signal,
  });
  return kitKeys(secretOf(typed));
}
