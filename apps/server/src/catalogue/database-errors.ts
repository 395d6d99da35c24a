import { HoldfastError } from '@holdfast/core';

/**
 * What an error of the database means. PostgreSQL tells by SQLSTATE (its manual, appendix A), SQLite by its own result codes.
 */

const sqliteUnique = new Set([1555, 2067]);
const uniqueViolation = '23505';
/** Serialization failure and deadlock: nothing was done, and the same transaction may well succeed when it is tried again. */
const conflicts = new Set(['40001', '40P01']);
/**
 * The server is going, coming, or no longer the one that may write (after a failover, where the old one still answers): the
 * connection is of no use. Class 08 is that of connection errors.
 */
const unavailable = new Set(['57P01', '57P02', '57P03', '57P05', '25006', '53300']);
const socketErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const nameErrors = new Set(['EAI_AGAIN', 'ENOTFOUND']);
/** OpenSSL's and Node's codes for a certificate that does not prove what it should. */
const untrusted =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_ALTNAME_INVALID)$/;
/** `pg` has no code for a server that was set up without certificate. */
const noTls = 'The server does not support SSL connections';
const statementTimeout = '57014';
const lockTimeout = '55P03';
const unstorableText = '22021';
/** `pg` has no codes for what it finds out by itself. */
const lostConnection =
  /^(Connection terminated|Client has encountered a connection error|Query read timeout|timeout e)/;

/** A row with that key is there already. */
export function isUniqueViolation(error: unknown): boolean {
  const known = rootOf(error);
  return codeOf(known) === uniqueViolation || sqliteUnique.has(numberOf(known, 'errcode'));
}

/** Nothing was done: the transaction may be repeated. */
export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(rootOf(error)));
}

/** The connection was lost. Whether the statement was carried out is unknown. */
export function isConnectionLost(error: unknown): boolean {
  const known = rootOf(error);
  const code = codeOf(known);
  if (code.startsWith('08') || unavailable.has(code) || socketErrors.has(code) || nameErrors.has(code)) return true;
  return known instanceof Error && lostConnection.test(known.message);
}

/** The product's error for those of a database that callers can do something about; others as they are. */
export function translated(error: unknown): unknown {
  if (isConnectionLost(error)) {
    return new HoldfastError('database.unavailable', {
      message: `The database can't be reached: ${messageOf(error)}`,
      cause: error,
    });
  }
  if (untrusted.test(codeOf(error)) || (error instanceof Error && error.message === noTls)) {
    return new HoldfastError('database.identity', {
      message: `The database is not believed: ${messageOf(error)}.`,
      cause: error,
    });
  }
  switch (codeOf(error)) {
    case statementTimeout:
    case lockTimeout:
      return new HoldfastError('database.timeout', { cause: error });
    case unstorableText:
      return new HoldfastError('request.invalid', {
        message: 'A text holds a character that a database can not keep: the one with the number 0.',
        cause: error,
      });
    default:
      return error;
  }
}

function rootOf(error: unknown): unknown {
  return error instanceof HoldfastError && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

function numberOf(error: unknown, key: string): number {
  if (typeof error !== 'object' || error === null) return Number.NaN;
  const value: unknown = Reflect.get(error, key);
  return typeof value === 'number' ? value : Number.NaN;
}

function messageOf(error: unknown): string {
  return error instanceof Error && error.message !== '' ? error.message : codeOf(error);
}
