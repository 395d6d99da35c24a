import { hostname } from 'node:os';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { TaskContext, TaskOutcome } from '@holdfast/protocol';
import type { Logger } from 'pino';

/**
 * What the server hears of a task in a repository whose key it does not have: counts, sizes and times, and what went wrong by its code.
 * No names and no contents; the log of this computer has the whole.
 */
export function contextWithoutNames(context: TaskContext, log: Logger): TaskContext {
  return {
    ...context,
    report: (event) => {
      if (event.kind !== 'progress') return context.report(event);
      const { currentPath: _, ...progress } = event.progress;
      context.report({ ...event, progress });
    },
    problem: (error) => {
      log.warn({ error }, 'problem of a task, told to the server without names');
      context.problem(errorWithoutNames(error));
    },
    // Its lines are for the log here.
    log: (level, message) => log[level === 'warning' ? 'warn' : level]({}, message),
    write: async () => {
      throw new HoldfastError('zero-knowledge.refused');
    },
  };
}

/** Errors about connections and grants, and of this mode itself, name hosts, ports and repositories at most. */
const tellable = /^(channel|grant|lease|zero-knowledge)\./;

/** Of all others only what stands in the table of errors. */
export function errorWithoutNames(error: unknown): HoldfastError {
  const failure = toHoldfastError(error);
  return tellable.test(failure.code) ? failure : new HoldfastError(failure.code);
}

/** A result that nobody looked at in this respect is none: a test has the texts that those of the others have. */
export function outcomeWithoutNames(outcome: TaskOutcome): TaskOutcome {
  switch (outcome.kind) {
    case 'backup': {
      // What scripts print may be anything, and so may the names of file systems.
      const { scripts: _, wholeComputer: __, ...rest } = outcome;
      return rest;
    }
    case 'snapshots':
      return {
        ...outcome,
        snapshots: outcome.snapshots.map((facts) => ({ ...facts, hostname: hostname(), sources: [], tags: [] })),
      };
    case 'drill': {
      // The hash of a list of names and contents: who guesses the list could prove it.
      const { tree: _, ...rest } = outcome;
      return rest;
    }
    case 'analysis':
      return {
        ...outcome,
        // An extension is a part of names.
        comparisons: outcome.comparisons.map(({ changes, ...pair }) => ({
          ...pair,
          changes: changes.map(({ before, gone, renamed, folders }) => ({ before, gone, renamed, folders })),
        })),
      };
    case 'restore': {
      const { overwritten, deleted, ...rest } = outcome;
      return {
        ...rest,
        ...(overwritten ? { overwritten: { ...overwritten, paths: [] } } : {}),
        ...(deleted ? { deleted: { ...deleted, paths: [] } } : {}),
      };
    }
    case 'forget':
    case 'prune':
    case 'check':
    case 'stats':
      return outcome;
    default:
      throw new HoldfastError('zero-knowledge.refused');
  }
}
