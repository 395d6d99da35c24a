import type { Outcome } from './carry-out.ts';
import { differencesOf, differenceText } from './differences.ts';
import { shortDefinition, shortGroup } from './fleet-file.ts';
import type { Plan, Step } from './plan.ts';

const signs = { create: '+', change: '~', delete: '-' } as const;

/** For people: what will be done, field by field. */
export function planText({ declaration, steps, unchanged, undeclared }: Plan): string {
  const of = (action: Step['action']): Step[] => steps.filter((step) => step.action === action);
  const count = (action: Step['action']): number => of(action).length;
  const known = unchanged.length + count('take') + count('release');
  const summary = `Declaration ${declaration}: ${count('create')} to create, ${count('change')} to change, ${count('delete')} to delete, ${known} unchanged.\n`;
  const shown = steps.flatMap((step) =>
    step.action === 'take' || step.action === 'release'
      ? []
      : [`${signs[step.action]} ${titleOf(step)}\n`, ...linesOf(step).map((line) => `    ${line}\n`)],
  );
  return [
    summary,
    ...(shown.length > 0 ? ['\n', ...shown, '\n'] : []),
    ...noteOf(`Part of declaration ${declaration} from now on`, of('take')),
    ...noteOf('No longer declared, and nobody’s from now on', of('release')),
    ...noteOf('No longer declared, and left as it is (--prune deletes, --release lets go)', undeclared),
  ].join('');
}

function linesOf(step: Step): string[] {
  if (step.action === 'change') {
    const owner =
      step.before && step.before.managedBy !== step.owner
        ? [`declaration: ${step.before.managedBy || 'none'} → ${step.owner || 'none'}`]
        : [];
    return [...step.differences.map(differenceText), ...owner];
  }
  if (step.action !== 'create' || !step.after) return [];
  const form = step.kind === 'group' ? shortGroup(step.after) : shortDefinition(step.after);
  return differencesOf({}, form).map(({ field, after }) => `${field}: ${JSON.stringify(after)}`);
}

function noteOf(what: string, things: readonly { readonly kind: string; readonly name: string }[]): string[] {
  if (things.length === 0) return [];
  return [`${what}: ${things.map(titleOf).join(', ')}.\n`];
}

function titleOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}

const doneText = {
  create: 'created',
  change: 'changed',
  delete: 'deleted',
  take: 'part of the declaration',
  release: 'let go',
} as const;

/** One line, and what to do where it is not done. */
export function outcomeText(outcome: Outcome): string {
  const title = titleOf(outcome.step);
  switch (outcome.state) {
    case 'done':
      return `${title}: ${doneText[outcome.step.action]}\n`;
    case 'failed':
      return `${title}: FAILED: ${outcome.error.message} (${outcome.error.code})\n    ${outcome.error.guidance}\n`;
    case 'waiting':
      return `${title}: waits for a second administrator (\`holdfast approvals approve ${outcome.approval}\`)\n`;
    case 'not-done':
      return `${title}: not done${outcome.because ? `: ${titleOf(outcome.because)} comes first` : ''}\n`;
  }
}

/** For programs. */
export function planJson({ declaration, steps, unchanged, undeclared }: Plan): object {
  return {
    declaration,
    steps: steps.map(({ action, kind, name, differences, after, owner }) => ({
      ...{ action, kind, name, differences, managedBy: owner === '' ? null : owner },
      ...(action === 'create' ? { after } : {}),
    })),
    unchanged,
    undeclared,
  };
}

export function outcomeJson(outcome: Outcome): object {
  const { step, state } = outcome;
  return {
    ...{ action: step.action, kind: step.kind, name: step.name, state },
    ...(outcome.state === 'failed' ? { error: outcome.error.toJSON() } : {}),
    ...(outcome.state === 'waiting' ? { approval: outcome.approval } : {}),
    ...(outcome.state === 'not-done' && outcome.because ? { because: titleOf(outcome.because) } : {}),
  };
}
