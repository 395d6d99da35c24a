import { createHash } from 'node:crypto';
import { type ErrorCode, HoldfastError, hasCode } from '@holdfast/core';
import type { ObjectInfo, ObjectName, ObjectType, Target } from '../target.ts';

export const MiB = 1024 * 1024;

/** Bytes that don't compress and are the same in every run. */
export function contentOf(seed: string, sizeBytes: number): Buffer {
  return createHash('shake256', { outputLength: Math.max(1, sizeBytes) })
    .update(seed)
    .digest()
    .subarray(0, sizeBytes);
}

/** The name that these bytes must have. */
export function nameOf(type: Exclude<ObjectType, 'config'>, body: Uint8Array): ObjectName {
  return { type, id: createHash('sha256').update(body).digest('hex') };
}

export const configName: ObjectName = { type: 'config', id: '' };

/** Waits for a rejection with one of the codes, and gives it. */
export async function rejects(work: Promise<unknown>, ...codes: ErrorCode[]): Promise<HoldfastError> {
  let result: unknown;
  try {
    result = await work;
  } catch (error) {
    if (hasCode(error, ...codes)) return error;
    throw new Error(`expected ${codes.join(' or ')}, got ${describe(error)}`, { cause: error });
  }
  throw new Error(`expected ${codes.join(' or ')}, but it succeeded with ${String(result)}`);
}

function describe(error: unknown): string {
  if (error instanceof HoldfastError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

export async function pagesOf(
  target: Target,
  type: Exclude<ObjectType, 'config'>,
  options: { readonly after?: string; readonly pageSize?: number } = {},
): Promise<(readonly ObjectInfo[])[]> {
  const pages: (readonly ObjectInfo[])[] = [];
  for await (const page of target.list(type, options)) pages.push(page);
  return pages;
}

/** Runs the work on every item, a few at a time. */
export async function inParallel<T>(
  items: readonly T[],
  parallelism: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: parallelism }, worker));
}
