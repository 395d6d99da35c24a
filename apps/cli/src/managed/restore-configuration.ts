import { type ExitStatus, exitStatus } from '@holdfast/core';
import { restoreConfiguration } from '@holdfast/server';
import { z } from 'zod';
import { resolvePath } from '../data-directory.ts';
import { counted, printJson, printText, shownTime } from '../output.ts';
import { checkedConfiguration } from '../roles/configuration.ts';
import { dataOf } from '../roles/role-options.ts';
import type { Work } from '../work.ts';
import { askKit } from './kit-words.ts';

export interface RestoreConfigurationOptions {
  readonly data?: string;
  readonly config?: string;
  readonly wordsFile?: string;
  readonly json?: boolean;
}

export async function restore(
  from: string,
  options: RestoreConfigurationOptions,
  { signal }: Work,
): Promise<ExitStatus> {
  // Merged with what the server had, and checked then.
  const config = await checkedConfiguration(z.record(z.string(), z.unknown()), options.config);
  const kit = await askKit({ wordsFile: options.wordsFile, signal });
  const dataDir = dataOf(options, 'server');
  const restored = await restoreConfiguration({ from: resolvePath(from), dataDir, config, kit });
  if (options.json) await printJson({ kind: 'configuration-restored', ...restored });
  else
    await printText(
      `${dataDir} is the server of installation ${restored.installation} as it was ${shownTime(restored.createdAt)}.
From ${restored.file}, ${counted(restored.rows, 'row')} of the catalogue.
Start it: holdfast server --data ${dataDir} --config ${restored.configFile}
`,
    );
  return exitStatus.success;
}
