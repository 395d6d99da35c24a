import type { ObjectName, WaitOptions } from '../target.ts';

/** One call of a target as fault injection sees it. */
export interface TargetCall {
  readonly method: 'create' | 'read' | 'stat' | 'list' | 'delete' | 'serverTime' | 'retention';
  /** A list has a type and no id; the time has neither, and is asked for as `config`. */
  readonly name: ObjectName;
  /** Of a create: the size of its body; 0 otherwise. */
  readonly sizeBytes: number;
}

/**
 * Where a call is. 'begin': nothing has happened. 'sync': others can see what it did, but a crash may undo it (creates and
 * deletes of a `SimulatedStorage` only). 'answer': all is done and durable, and the caller doesn't know yet.
 */
export type CallStage = 'begin' | 'sync' | 'answer';

/**
 * Decides what becomes of every call. This is the only place where faults enter: `FaultyTarget` asks it, whatever target
 * is behind, and so does `SimulatedStorage`.
 */
export interface FaultInjector {
  /**
   * Resolves when the call may go on: later for a delay, in another order than asked for a reordering. Rejects to fail it
   * there; at 'answer' that is a lost answer. Never settles for a caller that has died meanwhile.
   */
  pass(call: TargetCall, stage: CallStage, options: WaitOptions): Promise<void>;
  /** What a read gives instead: a copy cut short, or with a wrong bit. Everything is left as it is if it's missing. */
  alter?(call: TargetCall, bytes: Uint8Array): Uint8Array;
}

/** Lets everything pass. */
export const noFaults: FaultInjector = { pass: async () => undefined };
