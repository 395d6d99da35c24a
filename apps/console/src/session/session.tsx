import { useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { call } from '../api/call.ts';
import { hasCode, toProblem } from '../api/problem.ts';

/**
 * Who looks at the page. The session itself is a cookie that no script can read.
 *
 * - `expired`: somebody had signed in, and the session has ended: the page stays, and asks to sign in again;
 * - `due`: signed in, and something has to be done before anything else is allowed.
 */
export type SessionState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'signed-out'; readonly setUpNeeded: boolean }
  | { readonly kind: 'due'; readonly what: 'password' | 'second-factor' }
  | { readonly kind: 'signed-in' }
  | { readonly kind: 'expired' };

let state: SessionState = { kind: 'unknown' };
const listeners = new Set<() => void>();

function become(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

export function useSession(): SessionState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

const waitMs = 2_000;

/** Finds out at the beginning whether the browser has a session; asks again as long as the server is not there. */
export async function findSession(): Promise<void> {
  for (;;) {
    try {
      const { due } = await call('account', {});
      become(due === undefined ? { kind: 'signed-in' } : { kind: 'due', what: due });
      return;
    } catch (error) {
      if (hasCode(error, 'auth.required')) {
        const { setUpNeeded } = await call('console', {});
        become({ kind: 'signed-out', setUpNeeded });
        return;
      }
      if (toProblem(error).code !== 'unreachable') throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** The server says that there is no session: a page that was in use stays. */
export function sessionEnded(): void {
  if (state.kind === 'signed-in') become({ kind: 'expired' });
}

export function signedIn(due: 'password' | 'second-factor' | undefined): void {
  become(due === undefined ? { kind: 'signed-in' } : { kind: 'due', what: due });
}

/** Ends the session, and forgets everything that it had seen. */
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    try {
      await call('signOut', {});
    } catch (error) {
      // It had ended already.
      if (!hasCode(error, 'auth.required')) throw error;
    }
    client.clear();
    become({ kind: 'signed-out', setUpNeeded: false });
  };
}
