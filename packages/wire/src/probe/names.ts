import { lookup, lookupService } from 'node:dns/promises';
import { errnoOf } from '@holdfast/core';
import type { Diagnosis } from './diagnosis.ts';
import { nameLimitMs } from './limits.ts';
import { canonicalAddress } from './probe-connection.ts';

/** Names and addresses of a host as planned, against what this computer's resolver says. Patterns (`*.`) are no names. */
export async function checkNames(host: {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly signal?: AbortSignal | undefined;
}): Promise<readonly Diagnosis[]> {
  const names = host.names.filter((name) => !name.includes('*'));
  // A prefix stands for many computers, each with a name of its own.
  const isOne = host.addresses.length > 0 && host.addresses.every((address) => !address.includes('/'));
  const forward = names.map((name) => checkForward(name, isOne ? host.addresses : [], host.signal));
  const reverse = isOne && names.length > 0 ? host.addresses : [];
  const found = await Promise.all([...forward, ...reverse.map((address) => checkReverse(address, names, host.signal))]);
  host.signal?.throwIfAborted();
  return found.filter((one) => one !== undefined);
}

async function checkForward(
  name: string,
  planned: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Diagnosis | undefined> {
  let found: readonly string[];
  try {
    found = await resolveName(name, signal);
  } catch (error) {
    return { kind: 'name-unresolved', name, code: errnoOf(error) ?? 'ETIMEDOUT' };
  }
  if (planned.length === 0 || found.every((address) => planned.includes(address))) return undefined;
  return { kind: 'names-disagree', direction: 'forward', asked: name, found, planned };
}

/** Addresses without a name are common, and no disagreement. */
async function checkReverse(
  address: string,
  planned: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Diagnosis | undefined> {
  let found: string;
  try {
    found = plain((await within(lookupService(address, 0), signal)).hostname);
  } catch {
    return undefined;
  }
  const fits = planned.some((name) => plain(name) === found || plain(name).startsWith(`${found}.`));
  return fits ? undefined : { kind: 'names-disagree', direction: 'reverse', asked: address, found: [found], planned };
}

/** The addresses of a name, in canonical form. */
export async function resolveName(name: string, signal?: AbortSignal): Promise<readonly string[]> {
  const found = await within(lookup(name, { all: true }), signal);
  return [...new Set(found.map(({ address }) => canonicalAddress(address)))];
}

/** What a name server may put into a name is not all fit to print. */
const plain = (name: string): string =>
  name
    .replace(/[^\w.-]/g, '?')
    .replace(/\.$/, '')
    .toLowerCase();

/** The system's resolver can't be stopped; after the limit nobody waits for it. */
function within<T>(asked: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const { promise, reject, resolve } = Promise.withResolvers<T>();
  const late = Object.assign(new Error('the resolver did not answer'), { code: 'ETIMEDOUT' });
  const timer = setTimeout(() => reject(late), nameLimitMs);
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  asked.then(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  });
}
