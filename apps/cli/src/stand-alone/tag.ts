import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { type ReplacedSnapshot, type TagChange, tagSnapshots } from '@holdfast/repository/snapshots';
import type { TagOptions } from '../commands/tag.ts';
import { splitTags } from '../option-values.ts';
import { print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { chosenSnapshots } from './chosen-snapshots.ts';
import { openGivenRepository } from './open-repository.ts';

export async function runTag(
  references: readonly string[],
  options: TagOptions,
  { signal: interrupted, view, resources }: Work,
): Promise<ExitStatus> {
  const change = givenChange(options);
  const repository = await openGivenRepository(options, { resources, signal: interrupted });
  const lock = resources.use(await repository.lock({ exclusive: true, signal: interrupted, onProblem: view.problem }));
  const signal = AbortSignal.any([interrupted, lock.signal]);
  let problems = 0;
  const onProblem = (problem: HoldfastError): void => {
    problems += 1;
    view.problem(problem);
  };
  const replaced: ReplacedSnapshot[] = [];
  const snapshots = await chosenSnapshots(repository, { references, filter: options, signal, onProblem });
  const { changed } = await tagSnapshots(repository, snapshots, {
    change,
    signal,
    onProblem,
    onReplaced: (snapshot) => replaced.push(snapshot),
  });
  if (options.json) {
    for (const { oldId, newId } of replaced)
      await printJson({ message_type: 'changed', old_snapshot_id: oldId, new_snapshot_id: newId });
    await printJson({ message_type: 'summary', changed_snapshots: changed });
  } else if (!options.quiet) {
    await print(changed === 0 ? 'no snapshots were modified\n' : `modified ${changed} snapshots\n`);
  }
  return problems === 0 ? exitStatus.success : exitStatus.incomplete;
}

function givenChange({ set, add, remove }: TagOptions): TagChange {
  if (set === undefined && add === undefined && remove === undefined)
    throw new HoldfastError('usage.option', {
      message: 'Nothing to do: neither --set nor --add nor --remove was given.',
    });
  if (set !== undefined && (add !== undefined || remove !== undefined))
    throw new HoldfastError('usage.option', { message: '--set and --add or --remove exclude each other.' });
  return set === undefined ? { add: splitTags(add), remove: splitTags(remove) } : { set: splitTags(set) };
}
