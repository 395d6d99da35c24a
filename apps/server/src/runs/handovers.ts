import { HoldfastError } from '@holdfast/core';
import type { Run } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { DoTogether } from '../catalogue/do-together.ts';
import { maxStartsAtOnce } from './limits.ts';
import { type Handover, recordHandovers } from './run-store.ts';

/** Records that agents may have their tasks, of those that are given them at the same time by one statement. */
export class Handovers {
  readonly #together = new DoTogether<Handover, boolean>({ work: recordHandovers, maxWeight: maxStartsAtOnce });

  /** Resolves when it is durable. Throws `run.taken` when another instance has the run by now: then it must not be sent from here. */
  async record(scope: TenantScope, view: Run, instance: string): Promise<void> {
    if (!(await this.#together.do(scope, { view, instance }))) throw new HoldfastError('run.taken');
  }
}
