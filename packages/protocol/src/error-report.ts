import { type ErrorReport, HoldfastError, toHoldfastError } from '@holdfast/core';
import { z } from 'zod';

/** The form in which every API of ours reports an error. */
export const errorReport = z.object({
  code: z.string(),
  message: z.string(),
  guidance: z.string(),
  retry: z.enum(['permanent', 'transient', 'unknown']),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
});

/** Rebuilds a reported error; undefined when the text is not a report of ours. */
export function parseErrorReport(value: unknown): HoldfastError | undefined {
  const parsed = errorReport.safeParse(value);
  if (!parsed.success) return undefined;
  // fromReport maps a code that this version does not know to internal.unexpected.
  return HoldfastError.fromReport(parsed.data as ErrorReport);
}

/** Parses foreign input, or throws `request.invalid` that names each wrong field. */
export function parseMessage<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || '(body)'}: ${issue.message}`);
  throw new HoldfastError('request.invalid', { message: `${what} is not valid: ${problems.join('; ')}.` });
}

/** Parses foreign text, or throws `request.invalid`. */
export function parseJsonText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HoldfastError('request.invalid', { message: `${what} is not JSON.`, cause: error });
  }
}

/** The report of any error, in the form that messages take: without the facts that are not known. */
export function reportOf(error: unknown): Omit<ErrorReport, 'context'> & Pick<z.output<typeof errorReport>, 'context'> {
  const report = toHoldfastError(error).toJSON();
  const context: z.output<typeof errorReport>['context'] = {};
  for (const [name, value] of Object.entries(report.context)) if (value !== undefined) context[name] = value;
  return { ...report, context };
}
