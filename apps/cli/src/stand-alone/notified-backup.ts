import { hostname } from 'node:os';
import { type HoldfastError, toHoldfastError } from '@holdfast/core';
import type { BackupSummary } from '@holdfast/engine/backup';
import type { Outcome, Run, StandAloneNotifications } from '@holdfast/notify';
import type { BackupCommandOptions } from '../commands/backup.ts';
import { setting } from '../environment.ts';
import type { Work } from '../work.ts';
import { parseLocation } from './location.ts';
import { givenRepository } from './open-repository.ts';

/** How a backup ended. */
export interface BackupEnd {
  readonly outcome: Exclude<Outcome, 'failed'>;
  readonly summary: BackupSummary;
}

/** Sending may take this long after a backup; what is left waits for the next one, or for `holdfast notify send`. */
const sendLimitMs = 60_000;
/** Of a run with many problems. */
const maxProblems = 20;

/**
 * Tells how a backup ended, where that is asked for (`--notify`). Whatever is wrong with notifications is said on standard error,
 * and changes nothing about the backup.
 */
export class NotifiedBackup {
  readonly #options: BackupCommandOptions;
  readonly #work: Work;
  readonly #startedAt = new Date();

  constructor(options: BackupCommandOptions, work: Work) {
    this.#options = options;
    this.#work = work;
  }

  async around(backup: () => Promise<BackupEnd>): Promise<BackupEnd> {
    const config = this.#options.notify ?? setting('NOTIFY');
    if (config === undefined || this.#options.dryRun) return await backup();
    // Before the backup: whoever watches it learns at once that nobody will be told.
    const opening = await this.#guarded(() => this.#open(config));
    try {
      const end = await backup();
      const { summary, outcome } = end;
      await this.#tell(opening, { outcome, problems: summary.problems, problemCount: summary.problemCount, summary });
      return end;
    } catch (error) {
      const problem = toHoldfastError(error);
      await this.#tell(opening, { outcome: 'failed', problems: [problem], problemCount: 1 });
      throw error;
    }
  }

  async #open(config: string): Promise<StandAloneNotifications> {
    const { openNotifications } = await import('./notifications.ts');
    const { notifyData: data, host: computer } = this.#options;
    return await openNotifications({ config, data, computer }, this.#work.resources);
  }

  async #tell(
    notifications: StandAloneNotifications | undefined,
    end: Pick<Run, 'outcome' | 'problemCount'> & {
      readonly problems: readonly HoldfastError[];
      readonly summary?: BackupSummary;
    },
  ): Promise<void> {
    if (!notifications) return;
    const { view } = this.#work;
    await this.#guarded(async () => {
      const { summary } = end;
      await notifications.runEnded({
        what: 'backup',
        name: await this.#repositoryName(),
        computer: this.#options.host ?? hostname(),
        outcome: end.outcome,
        startedAt: this.#startedAt.toISOString(),
        endedAt: new Date().toISOString(),
        problems: end.problems
          .slice(0, maxProblems)
          .map(({ code, message, guidance }) => ({ code, message, guidance })),
        problemCount: end.problemCount,
        ...(summary && {
          files: summary.filesNew + summary.filesChanged + summary.filesUnmodified,
          readBytes: summary.bytesRead,
          storedBytes: summary.bytesStored,
          snapshotId: summary.snapshotId,
        }),
      });
      // Who has pressed Ctrl-C does not want to wait.
      if (this.#work.signal.aborted) return;
      view.status('Sending notifications');
      const signal = AbortSignal.any([this.#work.signal, AbortSignal.timeout(sendLimitMs)]);
      const { told } = await import('./notify.ts');
      await notifications.deliver({ signal, onAttempt: (attempt) => told(attempt, this.#work) });
    });
    view.done();
  }

  /** Without a password that stands in the address. */
  async #repositoryName(): Promise<string> {
    const location = parseLocation((await givenRepository(this.#options)) ?? '');
    return location.kind === 'folder' ? location.path : location.shown;
  }

  async #guarded<Result>(run: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await run();
    } catch (error) {
      const { code, message } = toHoldfastError(error);
      this.#work.view.note(`Warning: nobody is told of this backup: ${message} (${code})`);
      return undefined;
    }
  }
}
