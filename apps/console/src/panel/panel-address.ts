import { useSyncExternalStore } from 'react';

/** Where somebody is in the panel. It stands behind the `#` of the address, so that the browser's own back and reload work. */
export type PanelAddress =
  | { readonly page: 'state' }
  | { readonly page: 'backups'; readonly policyId: string; readonly snapshotId?: string | undefined };

export function addressOf(to: PanelAddress): string {
  if (to.page === 'state') return '#/';
  return `#/backups/${to.policyId}${to.snapshotId === undefined ? '' : `/${to.snapshotId}`}`;
}

function parseAddress(hash: string): PanelAddress {
  const [, policyId, snapshotId] = /^#\/backups\/([0-9a-f-]{36})(?:\/([0-9a-f]{64}))?$/.exec(hash) ?? [];
  return policyId === undefined ? { page: 'state' } : { page: 'backups', policyId, snapshotId };
}

export function usePanelAddress(): PanelAddress {
  const hash = useSyncExternalStore(
    (listener) => {
      addEventListener('hashchange', listener);
      return () => removeEventListener('hashchange', listener);
    },
    () => location.hash,
  );
  return parseAddress(hash);
}
