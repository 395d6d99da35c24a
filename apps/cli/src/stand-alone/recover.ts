import os from 'node:os';
import { type ExitStatus, exitStatus, formatCount, HoldfastError, productVersion } from '@holdfast/core';
import { recover } from '@holdfast/repository/recover';
import { repairIndex } from '@holdfast/repository/repair';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { openGivenRepository } from './open-repository.ts';
import type { RepositoryOptions } from './repository-options.ts';

export async function runRecover(options: RepositoryOptions, { signal, view, resources }: Work): Promise<ExitStatus> {
  const problems: HoldfastError[] = [];
  const onProblem = (problem: HoldfastError): void => {
    problems.push(problem);
    view.problem(problem);
  };
  const repository = await openGivenRepository(options, { resources, signal });
  const lock = resources.use(await repository.lock({ exclusive: true, signal, onProblem: view.problem }));
  const working = AbortSignal.any([signal, lock.signal]);
  const { addedPacks, missingPacks, unreadableIndexes, unreadablePacks } = await repairIndex(repository, {
    signal: working,
    onProgress: ({ done, total }) =>
      view.status(`Reading headers of packs  ${formatCount(done)} of ${formatCount(total)}`),
  });
  const damage = [
    ...unreadableIndexes.map(({ id, message }) => `removed index ${id}: ${message}`),
    ...missingPacks.map((id) => `pack ${id} is missing: it is not listed any more`),
    ...unreadablePacks.map(({ id, message }) => `pack ${id} has a damaged header: ${message}`),
  ];
  for (const message of damage) onProblem(new HoldfastError('repository.damaged', { message }));
  const { roots, snapshotId } = await recover(repository, {
    hostname: os.hostname(),
    username: userName(),
    programVersion: `holdfast ${productVersion}`,
    signal: working,
    onProblem,
    onProgress: ({ done, total }) => view.status(`Reading folders  ${formatCount(done)} of ${formatCount(total)}`),
  });
  view.done();
  if (options.json) {
    const reports = problems.map((problem) => problem.toJSON());
    await printJson({
      kind: 'recover',
      roots,
      snapshotId,
      addedPacks,
      missingPacks,
      unreadableIndexes,
      problems: reports,
    });
  } else if (!options.quiet) {
    const saved = snapshotId === undefined ? 'no snapshot to write.' : `saved new snapshot ${snapshotId.slice(0, 8)}`;
    await print(`found ${roots.length} unreferenced roots\n${saved}\n`);
  }
  return problems.length === 0 ? exitStatus.success : exitStatus.incomplete;
}

function userName(): string | undefined {
  try {
    return os.userInfo().username;
  } catch {
    // A number without a name, as in containers.
    return undefined;
  }
}
