import { exitStatus, formatCount, HoldfastError, oneLine, plainLines } from '@holdfast/core';
import {
  type ProgressNumbers,
  type ProgressView,
  progressText,
  progressView,
  remainingMs,
  shareDone,
} from './terminal.ts';

/** What a command may say, by the options that the person gave. */
export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly jsonProgress?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Reports of progress as JSON lines: programs that watch need no more, and logs stay small. */
const jsonProgressEveryMs = 1000;
/** A backup of a broken disk must not flood the terminal; the summary counts the rest. */
const maxProblemsShown = 100;
/** How long a command that only prints may take to give back its lock when nobody reads it any more. */
const lastWorkMs = 10_000;
const unread = new AbortController();
/** Aborts when nobody reads any more what a command prints that does nothing else. */
export const readerGone: AbortSignal = unread.signal;

/** Writes a result to standard output, and waits while the reader is slow. */
export async function print(text: string | Uint8Array): Promise<void> {
  const written = Promise.withResolvers<void>();
  // Called after a failure, too, where 'drain' never comes: the listener below decides what follows.
  if (!process.stdout.write(text, () => written.resolve())) await written.promise;
}

/** Writes text for people, some words of which are those of other computers: nothing in it steers their terminal. */
export async function printText(text: string): Promise<void> {
  await print(plainLines(text));
}

export async function printJson(value: unknown): Promise<void> {
  await print(`${JSON.stringify(value, jsonValue)}\n`);
}

/** Whole numbers that JavaScript's cannot hold stay exact as text. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

/**
 * A reader of standard output that has seen enough (`holdfast ls … | head`) is no failure. A command that only prints stops with
 * it, and gives back its lock; any other does its work to the end, and its status says how that went.
 */
export function outliveReaders({ onlyPrints }: { readonly onlyPrints: boolean }): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!onlyPrints || unread.signal.aborted) return;
    unread.abort(new HoldfastError('run.cancelled', { message: 'Nobody reads the output any more.' }));
    setTimeout(() => process.exit(exitStatus.success), lastWorkMs).unref();
  });
  // Nobody is left to be told anything, but the status still says how it ended.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Progress and problems of one piece of work, on standard error; as JSON lines on standard output where asked for. */
export class WorkView {
  readonly #options: OutputOptions;
  readonly #view: ProgressView;
  readonly #startedMs = performance.now();
  #lastJsonMs = Number.NEGATIVE_INFINITY;
  #lastPhase = '';
  #problems = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#view = progressView({ quiet: options.quiet === true || options.json === true });
  }

  /** Whether somebody looks at the progress: then it is worth finding out how much there is in all. */
  get isWatched(): boolean {
    if (this.#options.json) return this.#options.jsonProgress === true;
    return this.#options.quiet !== true && process.stderr.isTTY;
  }

  readonly progress = (progress: ProgressNumbers): void => {
    const elapsedMs = performance.now() - this.#startedMs;
    if (this.#options.json && this.#options.jsonProgress) {
      const nowMs = performance.now();
      if (progress.phase === this.#lastPhase && nowMs - this.#lastJsonMs < jsonProgressEveryMs) return;
      this.#lastPhase = progress.phase;
      this.#lastJsonMs = nowMs;
      const leftMs = remainingMs(progress, elapsedMs);
      const secondsRemaining = leftMs === undefined ? undefined : Math.round(leftMs / 1000);
      const line = { kind: 'progress', ...progress, percentDone: shareDone(progress), secondsRemaining };
      process.stdout.write(`${JSON.stringify(line)}\n`);
      return;
    }
    this.#view.update(() => progressText(progress, elapsedMs));
  };

  /** A line of text while other work goes on. */
  readonly status = (text: string): void => this.#view.update(text);

  readonly problem = (problem: Pick<HoldfastError, 'message' | 'code'>): void => {
    this.#problems += 1;
    if (this.#problems <= maxProblemsShown) this.note(`Warning: ${oneLine(problem.message)} (${problem.code})`);
    else if (this.#problems === maxProblemsShown + 1)
      this.note('Warning: there are more problems; only the first ones are shown.');
  };

  /** A line that stays, above the progress. */
  readonly note = (text: string): void => {
    this.#view.done();
    process.stderr.write(`${plainLines(text)}\n`);
  };

  done(): void {
    this.#view.done();
  }
}

/** `1 file`, `2 files`, `1,234 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `2026-11-21 04:23:40`, in this computer's time zone, of any time that JSON or a snapshot holds. */
export function shownTime(time: string | Date): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
