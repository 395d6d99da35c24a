/** A task, as the lines of a process's log tell of it. */
interface TaskSummary {
  readonly run: string;
  readonly session?: string;
  readonly request?: string;
  readonly firstLineAt: string;
  lastLineAt: string;
  lines: number;
  warnings: number;
  errors: number;
}

/** People look for the last ones. */
const maxTasks = 200;
const warning = 40;
const error = 50;

/** The tasks that lines of a log are about, the latest last. */
export async function taskSummaries(lines: AsyncIterable<string>): Promise<TaskSummary[]> {
  const tasks = new Map<string, TaskSummary>();
  for await (const line of lines) {
    const { run, session, request, time, level } = parsed(line);
    if (typeof run !== 'string' || typeof time !== 'number' || typeof level !== 'number') continue;
    const at = new Date(time).toISOString();
    const task = tasks.get(run) ?? {
      run,
      ...(typeof session === 'string' ? { session } : {}),
      ...(typeof request === 'string' ? { request } : {}),
      ...{ firstLineAt: at, lastLineAt: at, lines: 0, warnings: 0, errors: 0 },
    };
    task.lastLineAt = at;
    task.lines += 1;
    if (level >= error) task.errors += 1;
    else if (level >= warning) task.warnings += 1;
    tasks.delete(run);
    tasks.set(run, task);
  }
  return [...tasks.values()].slice(-maxTasks);
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (cause) {
    // Another program wrote to the log.
    if (cause instanceof SyntaxError) return {};
    throw cause;
  }
}
