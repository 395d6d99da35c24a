import type { Plan } from '../../plan/plan.ts';
import { safeText } from '../safe-text.ts';
import { formatHcl, type HclBlock, type HclValue, Reference } from './hcl.ts';

const nameCharacters = 200;

export function resource(
  type: string,
  label: string,
  attributes: { readonly [name: string]: HclValue },
  blocks: readonly HclBlock[] = [],
): HclBlock {
  return { head: ['resource', type, label], attributes, blocks };
}

/** Takes the place of the file that made these resources, and destroys exactly them. */
export function removeAll(plan: Plan, blocks: readonly HclBlock[], kept: readonly HclBlock[]): string {
  const heading = [
    `Holdfast: takes away everything of the plan ${safeText(plan.name, nameCharacters)}. Put it in the place of the file that made it.`,
    'Needs Terraform 1.7 or newer.',
  ];
  const removed = blocks.map(({ head: [, type = '', label = ''] }) => ({
    head: ['removed'],
    attributes: { from: new Reference(`${type}.${label}`) },
    blocks: [{ head: ['lifecycle'], attributes: { destroy: true } }],
  }));
  return formatHcl(heading, [...kept, ...removed]);
}
