import type { DataSetName } from './data/data-set.ts';

/** What is done with a data set, in this order; each step needs the ones before it. */
export const steps = ['backup', 'no-change', 'restore', 'check'] as const;
export type Step = (typeof steps)[number];

export interface Row {
  readonly id: string;
  /** `--rows` takes this name for several rows at once. */
  readonly group: string;
  readonly dataSet: DataSetName;
  readonly step: Step;
  readonly title: string;
}

export const rows: readonly Row[] = [
  {
    id: 'big-random',
    group: 'backup',
    dataSet: 'big-random',
    step: 'backup',
    title: 'back up one incompressible file',
  },
  { id: 'small-files', group: 'backup', dataSet: 'small-files', step: 'backup', title: 'back up small files' },
  {
    id: 'no-change',
    group: 'no-change',
    dataSet: 'small-files',
    step: 'no-change',
    title: 'back up small files again',
  },
  ...(['big-random', 'small-files'] as const).flatMap((dataSet) => [
    { id: `restore-${dataSet}`, group: 'restore', dataSet, step: 'restore' as const, title: `restore ${dataSet}` },
    { id: `check-${dataSet}`, group: 'check', dataSet, step: 'check' as const, title: `check all data of ${dataSet}` },
  ]),
];

/** The rows of a list of ids and groups, in their own order; throws on a name that is neither. */
export function selectRows(names: readonly string[]): readonly Row[] {
  for (const name of names)
    if (!rows.some(({ id, group }) => name === id || name === group))
      throw new Error(
        `there is no row ${name}; rows: ${rows.map(({ id }) => id).join(', ')}; groups: restore, check, backup`,
      );
  return rows.filter(({ id, group }) => names.includes(id) || names.includes(group));
}
