import { join } from 'node:path';
import type { DataSet } from './data/data-set.ts';
import { makePlace } from './place.ts';
import type { Prepared } from './prepare.ts';
import type { BackupProgram, Place, Service } from './programs/backup-program.ts';
import type { Scenario } from './rows.ts';
import type { Source } from './source.ts';

/** One program in one round of a scenario, with the repository that it fills. */
export interface Contestant {
  readonly program: BackupProgram;
  readonly scenario: Scenario;
  readonly dataSet: DataSet;
  readonly source: Source;
  readonly place: Place;
  /** Where the repository's files are, whoever writes them. */
  readonly storage: string;
  /** Where it restores to. */
  readonly target: string;
  /** Where what is restored goes in the end. */
  readonly trash: string;
  readonly service: Service | undefined;
  /** Backups into the repository so far. */
  backups: number;
}

export async function enter(o: {
  readonly program: BackupProgram;
  readonly scenario: Scenario;
  readonly dataSet: DataSet;
  readonly source: Source;
  readonly prepared: Prepared;
  readonly folder: string;
  readonly trash: string;
  readonly signal: AbortSignal;
}): Promise<Contestant> {
  const { program, scenario, dataSet, source, prepared, trash } = o;
  const folder = join(o.folder, program.name);
  const backups = prepared.copyTo(folder, program);
  const service = scenario.remote ? await program.serve?.(join(folder, 'service'), o.signal) : undefined;
  const place = {
    ...makePlace(folder),
    ...(service === undefined ? {} : { remote: service.remote }),
  };
  const storage = service?.storage ?? place.repository;
  return {
    program,
    scenario,
    dataSet,
    source,
    place,
    storage,
    target: join(folder, 'restored'),
    trash,
    service,
    backups,
  };
}

export async function leave({ service }: Contestant): Promise<void> {
  await service?.stop();
}
