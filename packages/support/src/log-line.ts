/** The facts that lines of our logs have. Others are left out: what is new in the code is not told until it stands here. */
const facts = new Set([
  ...['level', 'time', 'role', 'msg', 'error', 'cause', 'request', 'session', 'run', 'moverSession', 'process'],
  ...['actor', 'address', 'agent', 'attempt', 'bytes', 'channel', 'code', 'component', 'computer', 'due', 'dueAt'],
  ...['event', 'failures', 'group', 'id', 'installation', 'instance', 'job', 'kind', 'kit', 'listening', 'localSocket'],
  ...[
    'made',
    'method',
    'mover',
    'name',
    'notice',
    'outcome',
    'path',
    'pauseMs',
    'places',
    'policies',
    'policy',
    'port',
  ],
  ...['pruned', 'reason', 'remoteAddress', 'repository', 'retryAt', 'route', 'server', 'since', 'state', 'storageRoot'],
  ...['subject', 'to', 'unchecked', 'warnings'],
]);

const leftOut = '[left out]';

/** A line of a log with the facts that are told, as an object; of one that is no JSON, which another program wrote, the text. */
export function shownLine(line: string): unknown {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return { text: line };
    throw error;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { text: line };
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => {
      const isPlain = typeof value === 'number' || typeof value === 'boolean';
      return [name, facts.has(name) || isPlain ? value : leftOut];
    }),
  );
}
