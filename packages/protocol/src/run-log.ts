import { type Clock, oneLine } from '@holdfast/core';
import { z } from 'zod';
import { maxLogMessageCharacters, maxTaskLogLines } from './limits.ts';
import { isoTime } from './names.ts';

/** Who wrote it. An executor's lines come through its mover. */
const logProcess = z.enum(['server', 'agent', 'mover', 'executor']);
export const logLevel = z.enum(['info', 'warning', 'error']);
export type LogLevel = z.infer<typeof logLevel>;

/** A line of the log of one task. */
export const logLine = z.object({
  /** By the clock of whoever wrote it. */
  at: isoTime,
  level: logLevel,
  process: logProcess,
  message: z.string().max(maxLogMessageCharacters),
});
export type LogLine = z.infer<typeof logLine>;

/**
 * What one process writes of a task, as far as there is room: the oldest lines make place. Each line is later than the one before,
 * by a millisecond at least, so that whoever is told of it twice knows.
 */
export class TaskLog {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #lines: LogLine[] = [];
  #lastMs = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  add(line: Pick<LogLine, 'level' | 'process' | 'message'>): LogLine {
    this.#lastMs = Math.max(this.#lastMs + 1, this.#clock.now().getTime());
    const added = logLineOf(line, new Date(this.#lastMs));
    this.#lines.push(added);
    if (this.#lines.length > maxTaskLogLines) this.#lines.shift();
    return added;
  }

  /** What is kept, or what of that came after a line. */
  lines(after = ''): readonly LogLine[] {
    return this.#lines.filter(({ at }) => at > after);
  }
}

/** One line, whatever is in the message. */
export function logLineOf({ level, process, message }: Omit<LogLine, 'at'>, at: Date): LogLine {
  return { at: at.toISOString(), level, process, message: oneLine(message).slice(0, maxLogMessageCharacters) };
}
