import { HoldfastError } from '@holdfast/core';
import { isLeftover } from '../snapshot-providers/owner-name.ts';
import type { Tools } from '../snapshot-providers/snapshot-provider.ts';

/** Programs of the system that answer by the beginning of the call. Keeps every call, with names of this process as `OWN`. */
export function recordedTools(answers: Readonly<Record<string, string | HoldfastError>>): {
  readonly tools: Tools;
  readonly calls: string[];
} {
  const calls: string[] = [];
  const run: Tools['run'] = async (program, args) => {
    const call = [program, ...args]
      .join(' ')
      .replaceAll(/holdfast-\d+-\d+-\d+/g, (name) => (isLeftover(name) ? name : 'OWN'));
    calls.push(call);
    const key = Object.keys(answers).find((beginning) => call.startsWith(beginning));
    const answer = key === undefined ? '' : answers[key];
    if (answer instanceof HoldfastError) throw answer;
    return answer ?? '';
  };
  return { tools: { run }, calls };
}
