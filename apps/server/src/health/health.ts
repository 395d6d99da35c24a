import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Health, HealthComponent } from '@holdfast/protocol';
import type { Logger } from 'pino';
import { withTimeLimit } from '../time-limit.ts';
import { healthLimitMs, healthLookMs, healthMemoryMs } from './limits.ts';

/** What one look at a part of the server has found. */
export type Finding = Pick<HealthComponent, 'state' | 'reason'>;
export type Probe = () => Promise<Finding> | Finding;
export type Probes = Readonly<Record<HealthComponent['component'], Probe>>;

const gravity = ['ok', 'warning', 'failed'] as const;

/** Looks at each part of the server again and again, remembers since when it is as it is, and says in the log what changes. */
export class HealthWatch {
  readonly #probes: Probes;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known = new Map<HealthComponent['component'], HealthComponent>();
  #checked: { readonly at: Date; readonly ms: number } | undefined;
  #looking: Promise<void> | undefined;

  constructor(o: { probes: Probes; clock: Clock; logger: Logger }) {
    this.#probes = o.probes;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look();
      await this.#clock.sleep(healthLookMs, signal);
    }
  }

  /** As it is now, or was some seconds ago: whoever asks often does not make work. */
  async now(): Promise<Health> {
    const { ms } = this.#checked ?? { ms: Number.NEGATIVE_INFINITY };
    if (this.#clock.monotonicMs() - ms >= healthMemoryMs) await this.#look();
    const components = [...this.#known.values()];
    return {
      state: gravity[Math.max(0, ...components.map(({ state }) => gravity.indexOf(state)))] ?? 'failed',
      checkedAt: (this.#checked?.at ?? this.#clock.now()).toISOString(),
      components,
    };
  }

  /** One look at a time, however many ask. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    const found = await Promise.all(
      Object.entries(this.#probes).map(
        async ([name, probe]) => [name as HealthComponent['component'], await this.#probe(probe)] as const,
      ),
    );
    const at = this.#clock.now();
    for (const [component, finding] of found) {
      const before = this.#known.get(component);
      const since = before?.state === finding.state ? before.since : at.toISOString();
      this.#known.set(component, { component, ...finding, since });
      if (before === undefined ? finding.state !== 'ok' : before.state !== finding.state)
        this.#logger.info({ component, ...finding }, 'health');
    }
    this.#checked = { at, ms: this.#clock.monotonicMs() };
  }

  /** What can't be looked at is not well. */
  async #probe(probe: Probe): Promise<Finding> {
    try {
      return await withTimeLimit({
        clock: this.#clock,
        limitMs: healthLimitMs,
        expired: () =>
          new HoldfastError('run.timeout', { message: `There was no answer within ${healthLimitMs / 1000} s.` }),
        // What hangs does not listen to a signal either.
        work: (signal) => Promise.race([probe(), whenAborted(signal)]),
      });
    } catch (error) {
      return { state: 'failed', reason: toHoldfastError(error).message };
    }
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
