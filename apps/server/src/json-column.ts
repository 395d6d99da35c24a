import { HoldfastError } from '@holdfast/core';
import type { z } from 'zod';

/** Reads a JSON column. What doesn't have its form was not written by us: `internal.unexpected`. */
export function readJson<Schema extends z.ZodType>(schema: Schema, text: string, column: string): z.output<Schema> {
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('internal.unexpected', {
    message: `The catalogue holds a wrong value in ${column}: ${parsed.error.issues[0]?.message ?? 'unknown'}.`,
  });
}
