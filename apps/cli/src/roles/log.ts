import { reportOf } from '@holdfast/protocol';
import { KeptLog } from '@holdfast/support';
import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * Names under which a secret could come into a log line, at the depths that occur. The code logs ids and error reports
 * only; this is the second net.
 */
const secretNames = ['token', 'password', 'grant', 'authorization', 'privateKeyPem', 'signingRequest', 'nonce'];

/** The log of a role, the last lines of which are kept in its data directory for support as well. */
export function createRoleLogger(role: string, o: { readonly dataDir: string; readonly level?: string }): Logger {
  const standardError = pino.destination({ fd: 2, sync: true });
  const kept = new KeptLog(o.dataDir, (why) => {
    const line = { level: 40, time: Date.now(), role, reason: why, msg: 'the last lines of this log are not kept' };
    standardError.write(`${JSON.stringify(line)}\n`);
  });
  const write = (line: string): void => {
    standardError.write(line);
    kept.write(line);
  };
  return createLogger(role, o.level, { write });
}

/** The log of a role's process: JSON lines on standard error, because standard output belongs to the command. */
export function createLogger(
  role: string,
  level = 'info',
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: { role },
      serializers: { error: reportOf, cause: stackOf },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `headers.${name}`]),
        censor: '[secret]',
      },
    },
    destination,
  );
}

/** Where an unexpected error came from: the one place where a stack is of use. */
function stackOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.stack : undefined;
}
