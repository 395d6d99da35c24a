import { type Logger, pino } from 'pino';

/**
 * Names under which a secret could come into a log line, at the depths that occur. The code logs ids and error reports
 * only; this is the second net.
 */
const secretNames = ['token', 'password', 'grant', 'authorization', 'privateKeyPem', 'signingRequest', 'nonce'];

/** The log of a role's process: JSON lines on standard error, because standard output belongs to the command. */
export function createLogger(role: string, level = 'info'): Logger {
  return pino(
    {
      level,
      base: { role },
      redact: {
        paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`, `headers.${name}`]),
        censor: '[secret]',
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
