import type { PanelMethods, PanelParams, PanelResult } from '@holdfast/protocol';
import { useSyncExternalStore } from 'react';
import { linesOf } from '../api/lines.ts';
import { ApiProblem, toProblem } from '../api/problem.ts';
import { saveFrom } from '../api/save-file.ts';
import { send } from '../api/transport.ts';
import type { Downloadable } from '../pages/restore/download.ts';
import type { ReadingLine } from '../pages/restore/reading-line.ts';
import { nameOf, parentOf } from '../pages/restore/snapshot-paths.ts';
import type { Listing, ReadLines } from '../pages/restore/use-reading.ts';

/**
 * Who is in the control panel: whoever opened a link of `holdfast panel`. The session is a cookie that no script can read, and a key
 * that this page keeps for its own origin; the agent wants both.
 */
export type PanelSession =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'out'; readonly problem?: ApiProblem }
  | { readonly kind: 'in' };

const keyName = 'holdfast-panel';
let session: PanelSession = { kind: 'unknown' };
const listeners = new Set<() => void>();

function become(next: PanelSession): void {
  session = next;
  for (const listener of listeners) listener();
}

export function usePanelSession(): PanelSession {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => session,
  );
}

/** Asks the agent for one thing. Throws `ApiProblem`. */
export async function ask<Name extends keyof PanelMethods>(
  name: Name,
  params: PanelParams<Name>,
  signal?: AbortSignal,
): Promise<PanelResult<Name>> {
  const key = localStorage.getItem(keyName) ?? '';
  const headers = { 'x-holdfast-panel': key };
  const response = await send({ method: 'POST', path: `/api/${name}`, headers, body: params, signal });
  return (await response.json()) as PanelResult<Name>;
}

/** Has the browser save a file of a backup, or a folder as a ZIP. */
export async function download(policyId: string, { snapshotId, path: whole }: Downloadable): Promise<void> {
  const isAll = whole === '/';
  const part = isAll ? { root: '/', path: '/' } : { root: parentOf(whole), path: `/${nameOf(whole)}` };
  const { address } = await ask('download', { policyId, snapshotId, ...part });
  saveFrom(address);
}

/** One function for each policy: what reads has to stay the same. */
const readers = new Map<string, ReadLines>();

/** The agent looks for something in the backups of a policy, or compares two of them. */
export function readByAgent(policyId: string): ReadLines {
  const known = readers.get(policyId) ?? ((_repositoryId, o) => read(policyId, o));
  readers.set(policyId, known);
  return known;
}

async function* read(
  policyId: string,
  { listing, signal }: { readonly listing: Listing; readonly signal: AbortSignal },
): AsyncGenerator<ReadingLine> {
  const headers = { 'x-holdfast-panel': localStorage.getItem(keyName) ?? '', accept: 'application/x-ndjson' };
  const body: PanelParams<'read'> = { policyId, listing: listing as PanelParams<'read'>['listing'] };
  const response = await send({ method: 'POST', path: '/api/read', headers, body, signal, stream: true });
  for await (const line of linesOf(response)) if (line !== '') yield JSON.parse(line) as ReadingLine;
}

const linkForm = /^#link=(.+)$/;

export function isLink(hash: string): boolean {
  return linkForm.test(hash);
}

/** With the link that led here, if one did; it leaves the address at once. Else with the session that there is. */
export async function enter(): Promise<void> {
  const link = linkForm.exec(location.hash)?.[1];
  if (link !== undefined) history.replaceState(null, '', location.pathname);
  try {
    if (link !== undefined) localStorage.setItem(keyName, (await ask('sign-in', { link })).key);
    if (localStorage.getItem(keyName) === null) return become({ kind: 'out' });
    await ask('state', {});
    become({ kind: 'in' });
  } catch (error) {
    const problem = toProblem(error);
    become(problem.code === 'auth.required' ? { kind: 'out' } : { kind: 'out', problem });
  }
}

/** The agent knows the session no more. */
export function panelSessionEnded(): void {
  localStorage.removeItem(keyName);
  become({ kind: 'out' });
}

export async function leave(): Promise<void> {
  try {
    await ask('sign-out', {});
  } finally {
    panelSessionEnded();
  }
}
