import { isDeepStrictEqual } from 'node:util';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Job, Policy, RestClient } from '@holdfast/protocol';
import { guardedChange } from '../managed/guarded-change.ts';
import { declaredDefinition, declaredGroup, settingsOf } from './declared-form.ts';
import type { Directory } from './directory.ts';
import { maxNamesAtOnce } from './limits.ts';
import { asDeclared, type DefinitionStep, type GroupStep, type Plan, type Step } from './plan.ts';
import type { Names } from './present-state.ts';
import type { DeclaredGroup } from './schema.ts';

export type Outcome = { readonly step: Step } & (
  | { readonly state: 'done' }
  | { readonly state: 'failed'; readonly error: HoldfastError }
  /** A second administrator has to agree. */
  | { readonly state: 'waiting'; readonly approval: string }
  /** What it needs is not done, or somebody stopped the work. */
  | { readonly state: 'not-done'; readonly because: Step | undefined }
);

interface CarryOut {
  readonly client: RestClient;
  readonly names: Names;
  readonly signal: AbortSignal;
  readonly onOutcome: (outcome: Outcome) => Promise<void>;
}

/** Takes the steps one after another; what does not need one that failed is done all the same. */
export async function carryOut(plan: Plan, o: CarryOut): Promise<Outcome[]> {
  const work = new Changes(o);
  const outcomes = new Map<Step, Outcome>();
  for (const step of plan.steps) {
    const because = [...(plan.needs.get(step) ?? [])].find((need) => {
      const known = outcomes.get(need);
      return known !== undefined && known.state !== 'done';
    });
    const outcome: Outcome =
      because || o.signal.aborted ? { step, state: 'not-done', because } : await outcomeOf(step, work);
    outcomes.set(step, outcome);
    await o.onOutcome(outcome);
  }
  return [...outcomes.values()];
}

async function outcomeOf(step: Step, work: Changes): Promise<Outcome> {
  try {
    await (step.kind === 'group' ? work.group(step) : work.definition(step));
    return { step, state: 'done' };
  } catch (cause) {
    const error = toHoldfastError(cause);
    if (error.code !== 'approval.needed') return { step, state: 'failed', error };
    // Where the same was asked for before it is the one that waits already.
    return { step, state: 'waiting', approval: String(error.context['approval']) };
  }
}

const routesOf = {
  job: { one: 'job', create: 'createJob', change: 'changeJob', remove: 'deleteJob' },
  policy: { one: 'policy', create: 'createPolicy', change: 'changePolicy', remove: 'deletePolicy' },
} as const;

class Changes {
  readonly #client: RestClient;
  readonly #names: Names;
  readonly #signal: AbortSignal;
  /** Ids of jobs that were made here, by name. */
  readonly #made = new Map<string, string>();

  constructor({ client, names, signal }: CarryOut) {
    this.#client = client;
    this.#names = names;
    this.#signal = signal;
  }

  async group({ name, before, after, owner }: GroupStep): Promise<void> {
    const [client, signal] = [this.#client, this.#signal];
    const params = { id: name };
    const managedBy = owner === '' ? null : owner;
    if (!before) {
      if (!after) return;
      const { expected, ...settings } = after;
      await client.call('createGroup', { body: { name, ...settings, managedBy }, signal });
      return await this.#expect(name, { before: [], after: expected });
    }
    await guardedChange<unknown>(async () => {
      const { answer, tag } = await client.tagged('group', { params, signal });
      const expected = await client.list('expectedComputers', { query: { group: name }, signal });
      const form = asDeclared(declaredGroup(answer, expected), after);
      refuseChanged({ form, managedBy: answer.managedBy }, before);
      if (!after) return await client.call('deleteGroup', { params, ifMatch: tag, signal });
      const { exclusions, rescanAt = null, enabled, csvFile } = after;
      const body = { exclusions, rescanAt, enabled, csvFile, managedBy };
      return await client.call('changeGroup', { params, body, ifMatch: tag, signal });
    });
    if (after) await this.#expect(name, { before: before.form.expected ?? [], after: after.expected });
  }

  async #expect(
    id: string,
    o: Record<'before', NonNullable<DeclaredGroup['expected']>> & { after: DeclaredGroup['expected'] },
  ): Promise<void> {
    const [client, signal] = [this.#client, this.#signal];
    const { before, after = before } = o;
    const wanted = new Set(after.map(({ name }) => name));
    const names = before.map(({ name }) => name).filter((name) => !wanted.has(name));
    const computers = after.filter((one) => !before.some((known) => isDeepStrictEqual(known, one)));
    for (let at = 0; at < names.length; at += maxNamesAtOnce)
      await client.call('forgetExpected', {
        params: { id },
        body: { names: names.slice(at, at + maxNamesAtOnce) },
        signal,
      });
    for (let at = 0; at < computers.length; at += maxNamesAtOnce)
      await client.call('expectComputers', {
        params: { id },
        body: { computers: computers.slice(at, at + maxNamesAtOnce) },
        signal,
      });
  }

  async definition({ kind, name, before, after, owner }: DefinitionStep): Promise<void> {
    const [client, signal, routes] = [this.#client, this.#signal, routesOf[kind]];
    const managedBy = owner === '' ? null : owner;
    const body = after && { ...settingsOf({ name, form: after }, this.#ids), managedBy };
    if (!before) {
      if (!body) return;
      const { id } = await client.call(routes.create, { body, signal });
      if (kind === 'job') this.#made.set(name, id);
      return;
    }
    const params = { id: before.id };
    await guardedChange<unknown>(async () => {
      const { answer, tag }: { answer: Job | Policy; tag: string } = await client.tagged(routes.one, {
        params,
        signal,
      });
      refuseChanged({ form: declaredDefinition(answer, this.#names), managedBy: answer.managedBy }, before);
      if (answer.name !== name) throw changed();
      if (body) return await client.call(routes.change, { params, body, ifMatch: tag, signal });
      return await client.call(routes.remove, { params, ifMatch: tag, signal });
    });
  }

  get #ids() {
    const idIn =
      (directory: Directory) =>
      (text: string): string => {
        const found = directory.find(text);
        // What a thing has had before may be gone: then the form has its id.
        return 'id' in found ? found.id : text;
      };
    const { agents, movers, repositories, jobs } = this.#names;
    const job = (text: string): string => this.#made.get(text) ?? idIn(jobs)(text);
    return { agent: idIn(agents), mover: idIn(movers), repository: idIn(repositories), job };
  }
}

function refuseChanged(
  now: { readonly form: object; readonly managedBy: string | undefined },
  planned: { readonly form: object; readonly managedBy: string },
): void {
  if (!isDeepStrictEqual(now.form, planned.form) || (now.managedBy ?? '') !== planned.managedBy) throw changed();
}

function changed(): HoldfastError {
  return new HoldfastError('request.changed', {
    message: 'Somebody has changed it since the plan was made; it was left as it is.',
    guidance: 'Apply again: the plan then shows what there is now.',
    context: { planned: true },
  });
}
