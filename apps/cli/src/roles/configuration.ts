import { readFile } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/core';
import { parse } from 'yaml';
import type { z } from 'zod';
import { resolvePath } from '../data-directory.ts';

/** What a configuration file holds, JSON or YAML (of which JSON is a part); nothing without a file. */
async function readConfiguration(path: string | undefined): Promise<unknown> {
  if (path === undefined) return {};
  const file = resolvePath(path);
  try {
    return parse(await readFile(file, 'utf8')) ?? {};
  } catch (error) {
    throw new HoldfastError('usage.configuration', {
      message: `The configuration file ${file} could not be read: ${error instanceof Error ? error.message : String(error)}.`,
      cause: error,
    });
  }
}

/** The checked configuration. Throws `usage.configuration` that names each wrong key. */
export async function checkedConfiguration<Schema extends z.ZodType>(
  schema: Schema,
  path: string | undefined,
): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await readConfiguration(path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 10)
    .map((issue) => `${issue.path.join('.') || '(file)'}: ${issue.message}`);
  throw new HoldfastError('usage.configuration', {
    message: `${path ?? 'The configuration'} is not valid: ${problems.join('; ')}.`,
  });
}
