import { readFile } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/core';
import { parse } from 'yaml';
import { resolvePath } from '../data-directory.ts';

/** A configuration file, JSON or YAML (of which JSON is a part); an empty object without one. The reader checks its form. */
export async function readConfiguration<Form extends object>(path: string | undefined): Promise<Partial<Form>> {
  if (path === undefined) return {};
  const file = resolvePath(path);
  try {
    const value: unknown = parse(await readFile(file, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Partial<Form>;
  } catch (error) {
    throw new HoldfastError('usage.configuration', {
      message: `The configuration file ${file} could not be read: ${error instanceof Error ? error.message : String(error)}.`,
      cause: error,
    });
  }
  throw new HoldfastError('usage.configuration', { message: `The configuration file ${file} does not hold keys and values.` });
}
