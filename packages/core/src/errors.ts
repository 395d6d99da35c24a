import { type ErrorCode, type ErrorEntry, errorTable, type Retry } from './error-table.ts';

const brand = Symbol.for('holdfast.error');

/** Facts that help to find the cause. Never a secret: contexts are logged. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ErrorDetails {
  /** What happened and where, in one sentence; the table's summary if left out. */
  readonly message?: string;
  readonly context?: ErrorContext;
  /** What the person can do; the table's guidance if left out. */
  readonly guidance?: string;
  readonly retry?: Retry;
  readonly cause?: unknown;
}

/** The wire and `--json` form of an error. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly guidance: string;
  readonly retry: Retry;
  readonly context: ErrorContext;
}

/** The one error class of the product. `code` is stable and stands in the table of `error-table.ts`. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly [brand] = true;
  readonly code: ErrorCode;
  readonly guidance: string;
  readonly retry: Retry;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    const entry: ErrorEntry = errorTable[code];
    super(details.message ?? entry.summary, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.guidance = details.guidance ?? entry.guidance;
    this.retry = details.retry ?? entry.retry;
    this.context = details.context ?? {};
  }

  get entry(): ErrorEntry {
    return errorTable[this.code];
  }

  toJSON(): ErrorReport {
    return {
      code: this.code,
      message: this.message,
      guidance: this.guidance,
      retry: this.retry,
      context: this.context,
    };
  }

  /** Rebuilds an error that crossed a process or thread boundary. */
  static fromReport(report: ErrorReport, cause?: unknown): HoldfastError {
    const { code, ...details } = report;
    return new HoldfastError(Object.hasOwn(errorTable, code) ? code : 'internal.unexpected', { ...details, cause });
  }
}

/** True for a HoldfastError, also one of another copy of this module. */
export function isHoldfastError(value: unknown): value is HoldfastError {
  return typeof value === 'object' && value !== null && brand in value;
}

/** True when the value is a HoldfastError with one of the codes. */
export function hasCode(value: unknown, ...codes: ErrorCode[]): value is HoldfastError {
  return isHoldfastError(value) && codes.includes(value.code);
}

/** The error itself, a cancellation for an aborted signal's reason, or `internal.unexpected` around anything else. */
export function toHoldfastError(value: unknown): HoldfastError {
  if (isHoldfastError(value)) return value;
  if (value instanceof Error && value.name === 'AbortError')
    return new HoldfastError('run.cancelled', { cause: value });
  if (value instanceof Error && value.name === 'TimeoutError')
    return new HoldfastError('run.timeout', { cause: value });
  const message = value instanceof Error ? value.message : String(value);
  return new HoldfastError('internal.unexpected', { message: `Unexpected: ${message}`, cause: value });
}

/** The errno code (`ENOENT` …) of an operating system error, if it is one. */
export function errnoOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value)) return undefined;
  return typeof value.code === 'string' && /^E[A-Z0-9]+$/.test(value.code) ? value.code : undefined;
}
