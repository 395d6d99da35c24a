import type { PanelMethods, PanelParams, PanelResult } from '@holdfast/protocol';
import { useSyncExternalStore } from 'react';
import { ApiProblem, toProblem } from '../api/problem.ts';
import { send } from '../api/transport.ts';

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
