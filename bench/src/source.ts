import { linkSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSet } from './data/data-set.ts';
import { filesBelow } from './data/page-cache.ts';
import type { Step } from './rows.ts';

/** The folder that a round backs up. */
export interface Source {
  readonly folder: string;
  /** Makes it what the step needs it to be. */
  prepareFor(step: Step): void;
}

/** A data set as it is. */
export function unchangingSource(folder: string): Source {
  return { folder, prepareFor: () => undefined };
}

/** A data set of which there are two states, by hard links: nothing is copied while others are measured. */
export function changingSource(dataSet: DataSet, changed: string, folder: string): Source {
  const show = (state: string): void => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const path of filesBelow(state)) linkSync(path, join(folder, path.slice(state.length + 1)));
  };
  show(dataSet.folder);
  return {
    folder,
    prepareFor: (step) => {
      if (step === 'one-percent') show(changed);
    },
  };
}
