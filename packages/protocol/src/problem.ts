import { errorTable, HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { errorReport, parseErrorReport, reportOf } from './error-report.ts';

export const problemType = 'application/problem+json';
const typePrefix = 'urn:holdfast:error:';

/**
 * Problem details (RFC 9457): how the server's HTTP APIs answer an error. `type` and `code` name the entry of docs/errors.md,
 * `title` says what it means, `detail` what happened and where; `instance` is the request's id, which the log has too.
 */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string().optional(),
  ...errorReport.omit({ message: true }).shape,
});
export type Problem = z.output<typeof problem>;

export function problemOf(error: HoldfastError, requestId?: string): Problem {
  const { code, message, ...rest } = reportOf(error);
  const { http, summary } = errorTable[code];
  return {
    type: `${typePrefix}${code}`,
    title: summary,
    status: http,
    detail: message,
    ...(requestId === undefined ? {} : { instance: `urn:uuid:${requestId}` }),
    code,
    ...rest,
  };
}

/** Rebuilds the error of an answer; undefined when it is none of ours. */
export function parseProblem(value: unknown): HoldfastError | undefined {
  const parsed = problem.safeParse(value);
  if (!parsed.success) return undefined;
  const { code, detail, guidance, retry, context } = parsed.data;
  return parseErrorReport({ code, message: detail, guidance, retry, context });
}

/** The error of an answer that is not a success: the server's own, or one that says which status came instead. */
export function refusalOf(answer: { readonly status: number }, body: unknown, what: string): HoldfastError {
  return (
    parseProblem(body) ??
    new HoldfastError('internal.unexpected', { message: `${what} was answered with HTTP status ${answer.status}.` })
  );
}
