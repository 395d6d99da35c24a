import { useSyncExternalStore } from 'react';

const views = ['browse', 'search', 'compare'] as const;
export type BackupView = (typeof views)[number];

/** Where in a backup somebody looks, and for what. */
export interface Look {
  readonly view?: BackupView | undefined;
  readonly path?: string | undefined;
  /** The entry of the folder that is to be restored. */
  readonly name?: string | undefined;
  /** What is searched for. */
  readonly find?: string | undefined;
  /** The backup that is compared with. */
  readonly with?: string | undefined;
}

/** Where somebody is in the panel. It stands behind the `#` of the address, so that the browser's own back and reload work. */
export type PanelAddress =
  | { readonly page: 'state' }
  | ({ readonly page: 'backups'; readonly policyId: string; readonly snapshotId?: string | undefined } & Look);

export function addressOf(to: PanelAddress): string {
  if (to.page === 'state') return '#/';
  const { page: _page, policyId, snapshotId, ...look } = to;
  if (snapshotId === undefined) return `#/backups/${policyId}`;
  const given = Object.entries(look).filter((one): one is [string, string] => one[1] !== undefined);
  const query = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
  return `#/backups/${policyId}/${snapshotId}${query}`;
}

/** Goes there; `isSmall`: as a change of what is looked for, to which nobody wants to come back. */
export function goTo(to: PanelAddress, { isSmall = false }: { readonly isSmall?: boolean } = {}): void {
  if (isSmall) location.replace(addressOf(to));
  else location.hash = addressOf(to);
}

function parseAddress(hash: string): PanelAddress {
  const [, policyId, snapshotId, query] =
    /^#\/backups\/([0-9a-f-]{36})(?:\/([0-9a-f]{64})(?:\?(.*))?)?$/.exec(hash) ?? [];
  if (policyId === undefined) return { page: 'state' };
  const given = new URLSearchParams(query);
  const text = (name: string): string | undefined => given.get(name) ?? undefined;
  return {
    ...{ page: 'backups', policyId, snapshotId, view: views.find((view) => view === text('view')) },
    ...{ path: text('path'), name: text('name'), find: text('find'), with: text('with') },
  };
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
