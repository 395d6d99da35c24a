import { join } from 'node:path';
import { toHoldfastError } from '@holdfast/core';
import { agentPolicy, policyReport, readSecretFile, writeFileDurably } from '@holdfast/protocol';
import type { Logger } from 'pino';
import { z } from 'zod';
import { maxPolicyFileBytes } from '../limits.ts';

const time = z.iso.datetime();

/** What was due and is not done. */
const dueRun = z.strictObject({
  runId: z.uuid(),
  policyId: z.uuid(),
  dueAt: time,
  /** Attempts begun. */
  attempt: z.number().int().nonnegative(),
  /** When the first one began. */
  startedAt: time.optional(),
  /** The next attempt waits until then. */
  notBefore: time.optional(),
});
export type DueRun = z.infer<typeof dueRun>;

const policyState = z.strictObject({
  version: z.literal(1),
  /** Whose they are: grants of an earlier enrolment are worth nothing. */
  agentId: z.uuid(),
  policies: z.array(agentPolicy),
  /** By policy: up to where its schedule was looked at, as it was changed last, and what was due last. */
  looked: z.record(z.uuid(), z.strictObject({ until: time, changedAt: time, lastDueAt: time.optional() })),
  due: z.array(dueRun),
  /** Runs that ended and that the server does not know of. */
  reports: z.array(policyReport),
});
export type PolicyState = z.infer<typeof policyState>;

const fileName = 'policies.json';

/**
 * What the agent knows of its policies, in one file: an end and its report, or what is due and how far the schedule was looked
 * at, are one write, so that no crash doubles or loses a run. Mode 0600: it holds grants and keys of repositories.
 */
export class PolicyStore {
  readonly #path: string;
  #state: PolicyState;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, state: PolicyState) {
    this.#path = path;
    this.#state = state;
  }

  /** What can't be read is begun anew: the server hands policies out again. */
  static async open(o: { dataDir: string; agentId: string; log: Logger }): Promise<PolicyStore> {
    const path = join(o.dataDir, fileName);
    const none: PolicyState = { version: 1, agentId: o.agentId, policies: [], looked: {}, due: [], reports: [] };
    const text = await readSecretFile(path, maxPolicyFileBytes);
    if (text === undefined) return new PolicyStore(path, none);
    try {
      const state = policyState.parse(JSON.parse(text));
      return new PolicyStore(path, state.agentId === o.agentId ? state : none);
    } catch (error) {
      o.log.error({ error: toHoldfastError(error), path }, 'the policies could not be read');
      return new PolicyStore(path, none);
    }
  }

  get state(): PolicyState {
    return this.#state;
  }

  /** In force at once, durable when it resolves. Changes are written in the order of the calls. */
  change(changes: Partial<Omit<PolicyState, 'version' | 'agentId'>>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    const text = JSON.stringify(this.#state);
    const saved = this.#saving.then(() => writeFileDurably(this.#path, text));
    // A failed save is told to its caller; the next one must still be tried.
    this.#saving = saved.then(
      () => undefined,
      () => undefined,
    );
    return saved;
  }
}
