import { type Clock, oneLine } from '@holdfast/core';
import {
  type LogLevel,
  type LogLine,
  limits,
  logLineOf,
  type TaskChannel,
  type TaskStatistics,
  taskStatistics,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { DoTogether } from '../catalogue/do-together.ts';
import type { RunLogWriter } from '../catalogue/run-record-tables.ts';
import { readJson } from '../json-column.ts';
import { maxInsertedRows, maxRunLogLines, reservedRunLogLines } from '../limits.ts';

interface Pending {
  readonly writer: RunLogWriter;
  readonly line: LogLine;
}

/** What the catalogue has of the log. */
interface Known {
  next: number;
  /** By writer, the latest line: what is told again is not later. */
  readonly heard: Map<RunLogWriter, string>;
}

type Row = LogLine & { readonly runId: string; readonly number: number; readonly writer: RunLogWriter };

/** Writes what runs that are under way log and use: of those that write at the same time, by one statement. */
export class RunRecords {
  readonly #lines = new DoTogether<readonly Row[], void>({
    work: async (scope, items) => {
      await insertLines(scope, items.flat());
      return items.map(() => undefined);
    },
    weightOf: (rows) => rows.length,
    maxWeight: maxInsertedRows,
  });
  readonly #statistics = new DoTogether<{ readonly runId: string; readonly statisticsJson: string }, void>({
    work: async (scope, items) => {
      await upsertStatistics(scope, items);
      return items.map(() => undefined);
    },
    maxWeight: maxInsertedRows,
  });

  lines(scope: TenantScope, rows: readonly Row[]): Promise<void> {
    return this.#lines.do(scope, rows);
  }

  statistics(scope: TenantScope, row: { readonly runId: string; readonly statisticsJson: string }): Promise<void> {
    return this.#statistics.do(scope, row);
  }
}

/**
 * The log of a run that is under way here: the server's lines, those of whoever works on it, and those of the mover. They are
 * gathered, and written now and then. Not more than a bound of them: what comes after is counted.
 */
export class RunLog {
  /** Of the process, with the ids of the run, of its session and of the request. */
  readonly logger: Logger;
  readonly #scope: TenantScope;
  readonly #runId: string;
  readonly #records: RunRecords;
  readonly #clock: Clock;
  readonly #onWritten: () => void;
  #pending: Pending[] = [];
  #known: Known | undefined;
  #leftOut = 0;
  #writing: Promise<void> = Promise.resolve();
  #statistics: TaskStatistics | undefined;
  #carrier: TaskChannel | undefined;
  #savedStatistics = '';

  constructor(o: {
    scope: TenantScope;
    runId: string;
    /** Of the session that it is a task of, and of who asked for it. */
    sessionId: string | null;
    requestId: string | null;
    /** Nothing of it is written yet. */
    isNew: boolean;
    records: RunRecords;
    clock: Clock;
    logger: Logger;
    onWritten: () => void;
  }) {
    this.#scope = o.scope;
    this.#runId = o.runId;
    this.#records = o.records;
    this.#clock = o.clock;
    this.#onWritten = o.onWritten;
    if (o.isNew) this.#known = { next: 0, heard: new Map() };
    this.logger = o.logger.child({
      run: o.runId,
      ...(o.sessionId === null ? {} : { session: o.sessionId }),
      ...(o.requestId === null ? {} : { request: o.requestId }),
    });
  }

  /** A line of the server's, also in the log of this process. */
  note(level: LogLevel, message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#pending.push({ writer: 'server', line: logLineOf({ level, process: 'server', message }, this.#clock.now()) });
    this.logger[level === 'warning' ? 'warn' : level](facts, message);
  }

  /** A line that somebody else tells, perhaps once more. */
  take(writer: Exclude<RunLogWriter, 'server'>, line: LogLine): void {
    // Until it is written a bound holds as well.
    if (this.#pending.length >= maxRunLogLines) this.#leftOut += 1;
    else this.#pending.push({ writer, line: heardLine(line, writer === 'mover' ? 'mover' : line.process) });
  }

  /** The latest line of the mover's that was heard of. */
  get lastOfMover(): string {
    const last = this.#pending.findLast(({ writer }) => writer === 'mover')?.line.at;
    return last ?? this.#known?.heard.get('mover') ?? '';
  }

  /** What the task has used and how fast it was, as far as whoever works on it told. */
  tell(statistics: TaskStatistics): void {
    this.#statistics = statistics;
  }

  /** What carries the conversation about the task. */
  carriedBy(carrier: TaskChannel): void {
    this.#carrier = carrier;
  }

  get statistics(): TaskStatistics | undefined {
    if (this.#statistics === undefined && this.#carrier === undefined) return undefined;
    const { samples, channels } = this.#statistics ?? { samples: [], channels: [] };
    return {
      samples,
      channels: this.#carrier ? [this.#carrier, ...channels].slice(0, limits.maxTaskChannels) : channels,
    };
  }

  /** Writes the lines that there are. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#writeLines());
  }

  /** Writes the lines, and what the task has used, which changes all the time. */
  save(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#writeLines();
      await this.#writeStatistics();
    });
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(write);
    // A failed write is told to its caller; the next one must still be tried.
    this.#writing = written.then(
      () => undefined,
      () => undefined,
    );
    return written;
  }

  async #writeLines(): Promise<void> {
    if (this.#pending.length === 0) return;
    const known = (this.#known ??= await this.#load());
    const pending = this.#pending;
    this.#pending = [];
    const rows: Row[] = [];
    const { heard } = known;
    let { next } = known;
    const leftOutBefore = this.#leftOut;
    for (const { writer, line } of pending) {
      if (writer !== 'server' && line.at <= (heard.get(writer) ?? '')) continue;
      if (next >= maxRunLogLines + (writer === 'server' ? reservedRunLogLines : 0)) {
        this.#leftOut += 1;
        continue;
      }
      if (writer !== 'server') heard.set(writer, line.at);
      rows.push({ ...line, runId: this.#runId, number: next, writer });
      next += 1;
    }
    try {
      for (let first = 0; first < rows.length; first += maxInsertedRows)
        await this.#records.lines(this.#scope, rows.slice(first, first + maxInsertedRows));
    } catch (error) {
      // What was written before it failed is found there.
      this.#known = undefined;
      this.#leftOut = leftOutBefore;
      this.#pending = [...pending, ...this.#pending];
      throw error;
    }
    known.next = next;
    if (rows.length > 0) this.#onWritten();
  }

  async #writeStatistics(): Promise<void> {
    const { statistics } = this;
    if (statistics === undefined) return;
    const statisticsJson = JSON.stringify(statistics);
    if (statisticsJson === this.#savedStatistics) return;
    await this.#records.statistics(this.#scope, { runId: this.#runId, statisticsJson });
    this.#savedStatistics = statisticsJson;
  }

  /** Says at the end how much was left out. */
  async noteLeftOut(): Promise<void> {
    // Only then may there be some, and only what is written is counted.
    if (this.#pending.length + (this.#known?.next ?? 0) >= maxRunLogLines) await this.flush();
    if (this.#leftOut > 0)
      this.note('warning', `${this.#leftOut} lines of this log were left out: there were too many`);
  }

  async #load(): Promise<Known> {
    const { query } = this.#scope;
    const rows = await query
      .selectFrom('runLog')
      .where('runId', '=', this.#runId)
      .groupBy('writer')
      .select(['writer', query.fn.max('number').as('number'), query.fn.max('at').as('at')])
      .execute();
    return {
      next: Math.max(-1, ...rows.map(({ number }) => Number(number))) + 1,
      heard: new Map(rows.map(({ writer, at }) => [writer, at])),
    };
  }
}

/** What somebody else tells steers no terminal, and is nobody else's. */
function heardLine(line: LogLine, process: LogLine['process']): LogLine {
  return { ...line, process, message: oneLine(line.message) };
}

async function insertLines({ query }: TenantScope, rows: readonly Row[]): Promise<void> {
  await query
    .insertInto('runLog')
    .values([...rows])
    // Another instance has the run by now, and goes on with its log.
    .onConflict((conflict) => conflict.columns(['tenant', 'runId', 'number']).doNothing())
    .execute();
}

/** The log of a run that an agent did by itself, as it told. */
export async function recordOwnLog(scope: TenantScope, runId: string, lines: readonly LogLine[]): Promise<void> {
  const rows = lines.map((line, number) => ({
    ...heardLine(line, 'agent'),
    ...{ runId, number, writer: 'worker' as const },
  }));
  for (let first = 0; first < rows.length; first += maxInsertedRows)
    await insertLines(scope, rows.slice(first, first + maxInsertedRows));
}

export async function saveStatistics(scope: TenantScope, runId: string, statistics: TaskStatistics): Promise<void> {
  await upsertStatistics(scope, [{ runId, statisticsJson: JSON.stringify(statistics) }]);
}

async function upsertStatistics(
  { query }: TenantScope,
  rows: readonly { readonly runId: string; readonly statisticsJson: string }[],
): Promise<void> {
  await query
    .insertInto('runStatistics')
    .values([...rows])
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'runId'])
        .doUpdateSet((row) => ({ statisticsJson: row.ref('excluded.statisticsJson') })),
    )
    .execute();
}

export async function loadStatistics({ query }: TenantScope, runId: string): Promise<TaskStatistics> {
  const row = await query
    .selectFrom('runStatistics')
    .select('statisticsJson')
    .where('runId', '=', runId)
    .executeTakeFirst();
  if (!row) return { samples: [], channels: [] };
  return readJson(taskStatistics, row.statisticsJson, 'runStatistics.statisticsJson');
}
