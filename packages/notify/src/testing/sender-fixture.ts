import { readFile } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { type HoldfastError, isHoldfastError, systemClock } from '@holdfast/core';
import { createWire, type WireOptions } from '@holdfast/wire';
import type { SenderContext } from '../senders/sender.ts';

/** A sender's surroundings in a test: names lead to loopback, ports to those that are given. */
export function senderContext(
  t: TestContext,
  o: Pick<WireOptions, 'overrides'> & Partial<SenderContext> = {},
): SenderContext {
  const wire = createWire({
    role: o.role ?? 'agent-linux',
    bind: '127.0.0.1',
    overrides: o.overrides,
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  t.after(() => wire[Symbol.asyncDispose]());
  return {
    ...{ wire, role: 'agent-linux', timeZone: 'Europe/Berlin', clock: systemClock },
    readFile: async (path) => (await readFile(path, 'utf8')).trimEnd(),
    ...o,
  };
}

/** The error of something that has to fail. */
export async function failureOf(work: Promise<unknown>): Promise<HoldfastError> {
  try {
    await work;
  } catch (error) {
    if (isHoldfastError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** A test's own signal: none of them waits longer. */
export const patience = (): AbortSignal => AbortSignal.timeout(120_000);
