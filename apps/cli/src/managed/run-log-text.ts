import { systemClock } from '@holdfast/core';
import type { RestClient, Run, RunLogLine } from '@holdfast/protocol';
import { printJson, printText, shownTime } from '../output.ts';
import { isCutOff, maxReconnects, reconnectPauseMs } from './follow-run.ts';

/** How a log is asked for and shown. */
export interface LogOptions {
  readonly json?: boolean | undefined;
  readonly level: 'info' | 'warning' | 'error';
}

/** Prints lines of logs; `of` names the computer of a run where there are several. */
export async function printLines(
  lines: readonly RunLogLine[],
  options: LogOptions,
  of?: (runId: string) => string,
): Promise<void> {
  if (options.json) {
    for (const line of lines) await printJson({ kind: 'log', ...line });
    return;
  }
  const texts = lines.map(({ at, level, process, message, runId }) => {
    const grave = level === 'info' ? '' : `${level}: `;
    return `${shownTime(at)}  ${of ? `${of(runId)}  ` : ''}${process.padEnd(8)}  ${grave}${message}\n`;
  });
  if (texts.length > 0) await printText(texts.join(''));
}

/** Prints the log of a run as it grows, until the run has ended. A stream that breaks is opened again. */
export async function followLog(
  run: Run,
  o: {
    readonly client: RestClient;
    readonly options: LogOptions;
    readonly signal: AbortSignal;
    readonly of?: (runId: string) => string;
  },
): Promise<void> {
  const { client, options, signal } = o;
  let after: number | undefined;
  for (let failures = 0; ; failures += 1) {
    try {
      const query = after === undefined ? {} : { after };
      for await (const line of client.events('runLogEvents', { params: { id: run.id }, query, signal })) {
        after = line.number;
        failures = 0;
        if (isShown(line, options)) await printLines([line], options, o.of);
      }
      const { endedAt } = await client.call('run', { params: { id: run.id }, signal });
      if (endedAt !== undefined) return;
    } catch (error) {
      if (!isCutOff(error) || failures >= maxReconnects) throw error;
    }
    await systemClock.sleep(reconnectPauseMs, signal);
  }
}

const levels = ['info', 'warning', 'error'] as const;

function isShown(line: RunLogLine, { level }: LogOptions): boolean {
  return levels.indexOf(line.level) >= levels.indexOf(level);
}
