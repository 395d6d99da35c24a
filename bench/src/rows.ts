import type { DataSetName } from './data/data-set.ts';

/** What is done in a scenario, in this order; each step needs the ones before it. */
export const steps = ['backup', 'no-change', 'one-percent', 'prune', 'restore', 'check'] as const;
export type Step = (typeof steps)[number];

/** One data set and one kind of repository; programs begin each with an empty repository unless it is prepared. */
export interface Scenario {
  readonly id: string;
  readonly dataSet: DataSetName;
  /** The repository is behind a server of the program's own, on loopback with TLS. */
  readonly remote?: true;
  /** What the repository holds before the first step. `history` is made by each program, `index` is given to restic's format. */
  readonly prepared?: 'history' | 'index';
  /** Restores of so many files take longer than all the rest: one folder of the data set is restored and compared. */
  readonly restoredPart?: string;
}

const scenarios = {
  bigRandom: { id: 'big-random', dataSet: 'big-random' },
  bigText: { id: 'big-text', dataSet: 'big-text' },
  smallFiles: { id: 'small-files', dataSet: 'small-files' },
  tinyFiles: { id: 'tiny-files', dataSet: 'tiny-files', restoredPart: 'part-0' },
  mixed: { id: 'mixed', dataSet: 'mixed' },
  networkBigRandom: { id: 'network-big-random', dataSet: 'big-random', remote: true },
  networkSmallFiles: { id: 'network-small-files', dataSet: 'small-files', remote: true },
  prune: { id: 'prune', dataSet: 'history', prepared: 'history' },
  memory: { id: 'memory', dataSet: 'small-sample', prepared: 'index' },
} as const satisfies Record<string, Scenario>;

/** What the product aims at: so many times as fast as the fastest peer. */
const targets = {
  bigRandom: 2,
  bigText: 2.5,
  smallFiles: 1.5,
  noChange: 2,
  check: 3,
  restore: 1.5,
  prune: 3,
};

export interface Row {
  readonly id: string;
  /** `--rows` takes this name for several rows at once. */
  readonly group: string;
  readonly scenario: Scenario;
  readonly step: Step;
  readonly title: string;
  /** The ratio to the fastest peer that is aimed at. */
  readonly target?: number;
}

export const rows: readonly Row[] = [
  {
    id: 'big-random',
    group: 'backup',
    scenario: scenarios.bigRandom,
    step: 'backup',
    title: 'back up one incompressible file',
    target: targets.bigRandom,
  },
  {
    id: 'big-text',
    group: 'backup',
    scenario: scenarios.bigText,
    step: 'backup',
    title: 'back up one file of text and logs',
    target: targets.bigText,
  },
  {
    id: 'small-files',
    group: 'backup',
    scenario: scenarios.smallFiles,
    step: 'backup',
    title: 'back up small files',
    target: targets.smallFiles,
  },
  {
    id: 'mixed',
    group: 'backup',
    scenario: scenarios.mixed,
    step: 'backup',
    title: "back up a folder of the machine's system",
    target: targets.smallFiles,
  },
  {
    id: 'no-change',
    group: 'second',
    scenario: scenarios.smallFiles,
    step: 'no-change',
    title: 'back up small files again',
    target: targets.noChange,
  },
  {
    id: 'no-change-tiny',
    group: 'second',
    scenario: scenarios.tinyFiles,
    step: 'no-change',
    title: 'back up many empty and tiny files again',
    target: targets.noChange,
  },
  {
    id: 'one-percent',
    group: 'second',
    scenario: scenarios.bigText,
    step: 'one-percent',
    title: 'back up the text again, 1 % of it changed and 1,000 bytes inserted',
    target: targets.smallFiles,
  },
  ...([scenarios.bigRandom, scenarios.bigText, scenarios.smallFiles] as const).flatMap((scenario) => [
    {
      id: `restore-${scenario.id}`,
      group: 'restore',
      scenario,
      step: 'restore' as const,
      title: `restore ${scenario.id} into an empty folder`,
      target: targets.restore,
    },
    {
      id: `check-${scenario.id}`,
      group: 'check',
      scenario,
      step: 'check' as const,
      title: `check all data of ${scenario.id}`,
      target: targets.check,
    },
  ]),
  ...([scenarios.networkBigRandom, scenarios.networkSmallFiles] as const).flatMap((scenario) => [
    {
      id: scenario.id,
      group: 'network',
      scenario,
      step: 'backup' as const,
      title: `back up ${scenario.dataSet} through the program's own server, TLS on loopback`,
    },
    {
      id: scenario.id.replace('network', 'network-restore'),
      group: 'network',
      scenario,
      step: 'restore' as const,
      title: `restore ${scenario.dataSet} through the program's own server, TLS on loopback`,
    },
  ]),
  {
    id: 'prune',
    group: 'maintenance',
    scenario: scenarios.prune,
    step: 'prune',
    title: 'forget the oldest four fifths of the backups, and prune',
    target: targets.prune,
  },
  {
    id: 'memory-backup',
    group: 'memory',
    scenario: scenarios.memory,
    step: 'backup',
    title: 'back up a few files into a repository with a large index',
  },
  {
    id: 'memory-prune',
    group: 'memory',
    scenario: scenarios.memory,
    step: 'prune',
    title: 'prune a repository with a large index, half of it unused',
  },
];

export const groups: readonly string[] = [...new Set(rows.map(({ group }) => group))];

/** The scenarios of some rows, in their own order. */
export function scenariosOf(selected: readonly Row[]): readonly Scenario[] {
  return Object.values(scenarios).filter((scenario) => selected.some((row) => row.scenario === scenario));
}

/** The rows of a list of ids and groups, in their own order; throws on a name that is neither. */
export function selectRows(names: readonly string[]): readonly Row[] {
  for (const name of names)
    if (!rows.some(({ id, group }) => name === id || name === group))
      throw new Error(
        `there is no row ${name}; rows: ${rows.map(({ id }) => id).join(', ')}; groups: ${groups.join(', ')}`,
      );
  return rows.filter(({ id, group }) => names.includes(id) || names.includes(group));
}
