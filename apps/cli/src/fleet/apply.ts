import { createInterface } from 'node:readline/promises';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { slug } from '@holdfast/protocol';
import { stringify } from 'yaml';
import type { ServerWork } from '../managed/perform-with-server.ts';
import type { ServerOptions } from '../managed/server-options.ts';
import { counted, print, printJson, printText } from '../output.ts';
import { canPrompt } from '../stand-alone/password-prompt.ts';
import { carryOut, type Outcome } from './carry-out.ts';
import { fleetFileOf } from './fleet-file.ts';
import { makePlan, type Plan } from './plan.ts';
import { outcomeJson, outcomeText, planJson, planText } from './plan-text.ts';
import { readPresentState } from './present-state.ts';
import { readDeclaration } from './read-declaration.ts';

export interface ApplyOptions extends ServerOptions {
  readonly file: string[];
  readonly plan?: boolean;
  readonly yes?: boolean;
  readonly prune?: boolean;
  readonly release?: boolean;
  readonly takeOver?: boolean;
}

export async function apply(options: ApplyOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const declaration = await readDeclaration(options.file);
  const present = await readPresentState(client, signal);
  const plan = makePlan(declaration, present, {
    undeclared: options.prune ? 'delete' : options.release ? 'release' : 'leave',
    takeOver: options.takeOver ?? false,
  });
  // Which declaration something is of changes nothing of it.
  const changes = plan.steps.filter(({ action }) => action !== 'take' && action !== 'release').length;
  if (!options.json) await printText(planText(plan));
  if (options.plan) {
    if (options.json) await printJson({ kind: 'plan', ...planJson(plan) });
    return changes === 0 ? exitStatus.success : exitStatus.incomplete;
  }
  if (changes > 0 && !options.yes && !(await isAgreedTo(changes, options, signal))) {
    await printText('Nothing was changed.\n');
    return exitStatus.success;
  }
  const outcomes = await carryOut(plan, {
    ...{ client, signal, names: present.names },
    onOutcome: async (outcome) => {
      if (!options.json) await printText(outcomeText(outcome));
    },
  });
  return await report(plan, outcomes, options, signal);
}

async function report(
  plan: Plan,
  outcomes: readonly Outcome[],
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const count = (state: Outcome['state']): number => outcomes.filter((outcome) => outcome.state === state).length;
  const [done, failed, waiting, notDone] = [count('done'), count('failed'), count('waiting'), count('not-done')];
  if (options.json) await printJson({ kind: 'applied', ...planJson(plan), outcomes: outcomes.map(outcomeJson) });
  else if (done < outcomes.length)
    await printText(
      `${counted(done, 'step')} done, ${failed} failed, ${waiting} waiting, ${notDone} not done. Apply again to go on with the rest.\n`,
    );
  signal.throwIfAborted();
  if (failed > 0) return exitStatus.failed;
  return waiting + notDone > 0 ? exitStatus.incomplete : exitStatus.success;
}

async function isAgreedTo(changes: number, options: ApplyOptions, signal: AbortSignal): Promise<boolean> {
  if (options.json || options.file.includes('-') || !canPrompt())
    throw new HoldfastError('usage.option', {
      message: `${counted(changes, 'change')} would be made, and there is nobody to ask; nothing was changed.`,
      guidance: 'Say --yes if you mean it, or --plan to look only.',
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Make ${counted(changes, 'change')}? [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}

export async function exportFleet(
  declaration: string,
  options: ServerOptions,
  { client, view, signal }: ServerWork,
): Promise<ExitStatus> {
  if (!slug.safeParse(declaration).success)
    throw new HoldfastError('usage.option', {
      message: `${JSON.stringify(declaration)} can't be the name of a declaration: use a-z, 0-9 and -.`,
    });
  const { document, leftOut } = fleetFileOf(await readPresentState(client, signal), declaration);
  for (const [managedBy, things] of Map.groupBy(leftOut, (one) => one.managedBy))
    view.note(`Left out, as of declaration ${managedBy}: ${things.map(({ name }) => name).join(', ')}.`);
  if (options.json) await printJson(plainOf(document));
  else await print(stringify(document, { lineWidth: 120, aliasDuplicateObjects: false }));
  return exitStatus.success;
}

function plainOf(document: object): object {
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, value instanceof Map ? Object.fromEntries(value) : value]),
  );
}
