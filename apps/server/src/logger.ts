import { reportOf } from '@holdfast/protocol';
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * Names under which a secret could come into a log line, at the depths that occur. The code logs ids and error reports
 * only; this is the second net.
 */
const secretNames = ['token', 'password', 'grant', 'authorization', 'privateKeyPem', 'signingRequest', 'nonce'];

/** JSON lines on standard error: standard output belongs to the command. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: { role: 'server' },
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
