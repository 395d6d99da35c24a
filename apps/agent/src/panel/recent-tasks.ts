import { join } from 'node:path';
import { type Clock, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import {
  limits,
  type PanelTask,
  panelTask,
  parseJsonText,
  parseMessage,
  readSecretFile,
  reportOf,
  type Task,
  type TaskContext,
  type TaskOutcome,
  writeFileDurably,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import { z } from 'zod';
import { maxRecentTasksBytes } from '../limits.ts';

const fileName = 'recent-tasks.json';
const recentFile = z.strictObject({ version: z.literal(1), tasks: z.array(panelTask).max(limits.maxPanelTasks) });

/**
 * The backups and restores of this computer that run, and the last ones that ended, for whoever sits there: the server is not asked,
 * and may be away. Kept in one file, which nothing depends on.
 */
export class RecentTasks {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** The newest first. */
  #ended: readonly PanelTask[];
  readonly #running = new Map<string, PanelTask>();
  #saving: Promise<void> = Promise.resolve();

  private constructor(o: { path: string; clock: Clock; log: Logger; ended: readonly PanelTask[] }) {
    this.#path = o.path;
    this.#clock = o.clock;
    this.#log = o.log;
    this.#ended = o.ended;
  }

  static async open({ dataDir, clock, log }: { dataDir: string; clock: Clock; log: Logger }): Promise<RecentTasks> {
    const path = join(dataDir, fileName);
    try {
      const text = await readSecretFile(path, maxRecentTasksBytes);
      const ended = text === undefined ? [] : parseMessage(recentFile, parseJsonText(text, path), path).tasks;
      return new RecentTasks({ path, clock, log, ended });
    } catch (error) {
      log.warn({ error: toHoldfastError(error), path }, 'the recent tasks could not be read');
      return new RecentTasks({ path, clock, log, ended: [] });
    }
  }

  /** The newest first; what runs before what has ended. */
  list(): PanelTask[] {
    return [...[...this.#running.values()].toReversed(), ...this.#ended].slice(0, limits.maxPanelTasks);
  }

  /** Does the work, and notes how it goes; what is neither a backup nor a restore is nobody's business here. */
  async during(
    o: { readonly id: string; readonly by: PanelTask['by']; readonly task: Task; readonly context: TaskContext },
    work: (context: TaskContext) => Promise<TaskOutcome>,
  ): Promise<TaskOutcome> {
    const { id, by, task, context } = o;
    if (task.kind !== 'backup' && task.kind !== 'restore') return work(context);
    const noted: PanelTask = {
      ...{ id, by, kind: task.kind, repository: task.access.repository, startedAt: this.#now() },
      ...(task.kind === 'restore' ? { target: task.target, dryRun: task.dryRun ?? false } : {}),
      ...{ state: 'running', problemCount: 0, problems: [] },
    };
    this.#running.set(id, noted);
    let isDegraded = false;
    const watched: TaskContext = {
      ...context,
      report: (event) => {
        if (event.kind === 'progress') noted.progress = event.progress;
        context.report(event);
      },
      problem: (error) => {
        noted.problemCount += 1;
        if (noted.problems.length < 5) noted.problems.push(error.message);
        context.problem(error);
      },
      degraded: (degradation) => {
        isDegraded = true;
        context.degraded(degradation);
      },
    };
    try {
      const outcome = await work(watched);
      const state = noted.problemCount > 0 || isDegraded ? 'warning' : 'succeeded';
      this.#end({ ...noted, ...factsOf(outcome), state });
      return outcome;
    } catch (error) {
      const failure = error instanceof HoldfastError ? error : toHoldfastError(error);
      const state = hasCode(failure, 'run.cancelled') || context.signal.aborted ? 'cancelled' : 'failed';
      this.#end({ ...noted, error: reportOf(failure), state });
      throw error;
    }
  }

  /** Resolves when what has ended is kept. */
  async settled(): Promise<void> {
    await this.#saving;
  }

  #now(): string {
    return this.#clock.now().toISOString();
  }

  #end({ progress: _progress, ...task }: PanelTask): void {
    this.#running.delete(task.id);
    this.#ended = [{ ...task, endedAt: this.#now() }, ...this.#ended].slice(0, limits.maxPanelTasks);
    const text = JSON.stringify({ version: 1, tasks: this.#ended });
    this.#saving = this.#saving
      .then(() => writeFileDurably(this.#path, text))
      .catch((error: unknown) => this.#log.warn({ error: toHoldfastError(error) }, 'the recent tasks were not kept'));
  }
}

function factsOf(outcome: TaskOutcome): Partial<PanelTask> {
  if (outcome.kind === 'backup')
    return { snapshotId: outcome.snapshotId, files: outcome.totalFiles, bytes: outcome.totalBytes };
  if (outcome.kind !== 'restore') return {};
  const { snapshotId, files, bytes, overwritten } = outcome;
  return { snapshotId, files, bytes, ...(overwritten ? { overwritten: overwritten.count } : {}) };
}
