import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant } from './contestant.ts';
import { damageLargestFile } from './data/damage.ts';
import type { DataSetSizes } from './data/data-set.ts';
import { discard } from './data/discard.ts';
import { filesBelow, settleDisk, sizeOfFolder, syncTimeMs, warm, warmAttributes } from './data/page-cache.ts';
import { compareTrees } from './data/tree-comparison.ts';
import { shownDifferences } from './limits.ts';
import { processesBelow } from './measure/process-tree.ts';
import { type Command, type CommandResult, type Measurement, runCommand } from './measure/run-command.ts';
import { ProgramFailure } from './program-failure.ts';
import type { Step } from './rows.ts';

/** One in so many backups of a history is kept. */
const keptShare = 5;

interface StepOptions {
  readonly signal: AbortSignal;
  readonly sizes: DataSetSizes;
}

/** What the step took; throws a `ProgramFailure` when the program failed or its result is wrong. */
export async function runStep(contestant: Contestant, step: Step, options: StepOptions): Promise<Measurement> {
  const { program, place, source, storage } = contestant;
  const { signal } = options;
  switch (step) {
    case 'backup':
      if (contestant.scenario.prepared !== 'index')
        for (const command of program.init(place)) await runSuccessfully(command, signal);
      contestant.backups += 1;
      return measure(contestant, signal, () => warm(source.folder), [
        program.backup(place, source.folder, contestant.backups),
      ]);
    case 'no-change':
    case 'one-percent':
      contestant.backups += 1;
      return measure(
        contestant,
        signal,
        () => (step === 'no-change' ? warmAttributes(source.folder) : warm(source.folder)),
        [program.backup(place, source.folder, contestant.backups)],
      );
    case 'prune':
      return prune(contestant, options);
    case 'restore':
      return restore(contestant, signal);
    case 'check':
      return measure(contestant, signal, () => warm(storage), [program.check(place)]);
  }
}

/**
 * Commands one after the other count as one; the highest memory of them counts. The clock stops when everything is on disk:
 * some programs sync what they write, others leave that to the system, and all must promise the same.
 */
async function measure(
  contestant: Contestant,
  signal: AbortSignal,
  warmUp: () => void,
  commands: readonly Command[],
): Promise<Measurement> {
  settleDisk();
  warmUp();
  const { service } = contestant;
  const alongside = service === undefined ? [] : processesBelow(service.pid);
  const results: CommandResult[] = [];
  for (const command of commands) results.push(await runSuccessfully(command, signal, alongside));
  const syncMs = syncTimeMs(contestant.place.home);
  const known = (values: readonly (number | undefined)[]): readonly number[] | undefined =>
    values.every((value) => value !== undefined) ? values : undefined;
  const memory = known(results.map(({ peakMemoryBytes }) => peakMemoryBytes));
  return {
    wallMs: results.reduce((sum, { wallMs }) => sum + wallMs, syncMs),
    syncMs,
    cpuMs: known(results.map(({ cpuMs }) => cpuMs))?.reduce((sum, ms) => sum + ms, 0),
    peakMemoryBytes: memory === undefined ? undefined : Math.max(...memory),
  };
}

async function prune(contestant: Contestant, { signal, sizes }: StepOptions): Promise<Measurement> {
  const { program, place, scenario, storage } = contestant;
  const keep = scenario.prepared === 'history' ? Math.ceil(sizes.historyBackups / keptShare) : undefined;
  const measureStorage = (): number => (scenario.prepared === 'index' ? countPacks(storage) : sizeOfFolder(storage));
  const before = measureStorage();
  // Nothing reads the packs of the large index; they are holes, and not worth the memory of the cache.
  const warmUp = (): void => (scenario.prepared === 'index' ? warm(join(storage, 'index')) : warm(storage));
  const result = await measure(contestant, signal, warmUp, program.prune(place, keep));
  const after = measureStorage();
  if (after >= before) throw new ProgramFailure('wrong', `its prune freed nothing: ${before} before, ${after} after`);
  return result;
}

/** The packs of the large index are holes, so that their number tells what their size does elsewhere. */
function countPacks(storage: string): number {
  let packs = 0;
  for (const _ of filesBelow(join(storage, 'data'))) packs += 1;
  return packs;
}

async function restore(contestant: Contestant, signal: AbortSignal): Promise<Measurement> {
  const { program, place, target, trash, source, scenario, storage, backups } = contestant;
  mkdirSync(target);
  const backup = { source: source.folder, part: scenario.restoredPart, target, sequence: backups };
  const warmUp = (): void => (scenario.prepared === 'index' ? undefined : warm(storage));
  const result = await measure(contestant, signal, warmUp, [program.restore(place, backup)]);
  const wanted = join(source.folder, scenario.restoredPart ?? '');
  const differences = compareTrees(wanted, program.restored(backup));
  discard(target, trash);
  if (differences.length === 0) return result;
  throw new ProgramFailure(
    'wrong',
    `what it restored differs in ${differences.length} points: ${differences.slice(0, shownDifferences).join('; ')}`,
  );
}

/** A check that finds nothing wrong with a damaged repository has not read it. */
export async function requireDamageIsNoticed(
  { program, place, storage }: Contestant,
  signal: AbortSignal,
): Promise<void> {
  const damaged = damageLargestFile(storage);
  const { status, output } = await runCommand(program.check(place), signal);
  // One peer ends with 0 all the same, and says so in a line of this kind.
  if (status === 0 && !/\[ERROR\]/.test(output))
    throw new ProgramFailure('wrong', `its check does not notice a changed byte in ${damaged}`);
}

export async function runSuccessfully(
  command: Command,
  signal: AbortSignal,
  alongside: readonly number[] = [],
): Promise<CommandResult> {
  const result = await runCommand(command, signal, alongside);
  if (result.status === 0) return result;
  const line = [command.file, ...command.args].join(' ');
  throw new ProgramFailure('failed', `${line} ended with ${result.status ?? 'a signal'}: ${result.output.trim()}`);
}
