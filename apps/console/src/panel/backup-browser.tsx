import type { PanelPolicy, PanelState, SnapshotFacts } from '@holdfast/protocol';
import { Loader, Tabs } from '@mantine/core';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { Card } from '../components/card.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { Breadcrumbs } from '../pages/restore/breadcrumbs.tsx';
import { Comparison } from '../pages/restore/comparison.tsx';
import type { Downloadable } from '../pages/restore/download.ts';
import { DownloadButton } from '../pages/restore/download-button.tsx';
import { EntryTable } from '../pages/restore/entry-table.tsx';
import { NameSearch } from '../pages/restore/name-search.tsx';
import { nameOf, parentOf, startingFolder } from '../pages/restore/snapshot-paths.ts';
import { goTo, type Look, usePanelAddress } from './panel-address.ts';
import { ask, download, readByAgent } from './panel-session.ts';
import { RestoreCard } from './restore-card.tsx';

const views = ['browse', 'search', 'compare'] as const;

/** The folders of a backup as they were, names in all of them, what changed between two, and the restore of what is chosen. */
export function BackupBrowser(o: {
  readonly state: PanelState;
  readonly policy: PanelPolicy;
  readonly point: SnapshotFacts;
  /** All of the policy's, this one among them. */
  readonly points: readonly SnapshotFacts[];
}): ReactNode {
  const { t, formats } = useLanguage();
  const { point, policy } = o;
  const address = usePanelAddress();
  const look: Look = address.page === 'backups' ? address : {};
  const { view = 'browse', path = startingFolder(point.sources) } = look;
  // Of one folder: whichever way somebody gets to another, nothing of it has been chosen there.
  const [choice, setChoice] = useState({ path, names: namesOf(look.name) });
  const chosen = choice.path === path ? choice.names : namesOf(undefined);
  const { repositoryId } = policy;
  const downloads = useMutation({ mutationFn: (what: Downloadable) => download(policy.id, what) });
  const points = useMemo(() => o.points.map((one) => ({ ...one, repositoryId })), [o.points, repositoryId]);
  const go = (to: Look, snapshotId = point.id): void =>
    goTo({ page: 'backups', policyId: policy.id, snapshotId, ...to });
  const show = ({ id }: { readonly id: string }, folder: string): void => go({ path: folder }, id);
  return (
    <>
      <Card title={t('panel.backup-of', { at: formats.dateTime(point.takenAt) })}>
        {downloads.error && <ProblemAlert error={downloads.error} />}
        <Tabs value={view} onChange={(value) => go({ path, view: views.find((one) => one === value) })}>
          <Tabs.List mb="md">
            {views.map((one) => (
              <Tabs.Tab key={one} value={one}>
                {t(`restore.view.${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="browse">
            {view === 'browse' && (
              <Folder
                policyId={policy.id}
                point={point}
                path={path}
                onPath={(folder) => go({ path: folder })}
                chosen={chosen}
                onChoose={(names) => setChoice({ path, names })}
                onDownload={(file) => downloads.mutate({ repositoryId, snapshotId: point.id, path: file })}
              />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="search">
            {view === 'search' && (
              <NameSearch
                read={readByAgent(policy.id)}
                points={points}
                point={{ ...point, repositoryId }}
                text={look.find ?? ''}
                onText={(text) =>
                  goTo(
                    { page: 'backups', policyId: policy.id, snapshotId: point.id, path, view, find: text || undefined },
                    { isSmall: true },
                  )
                }
                onShow={show}
                onDownload={downloads.mutate}
                onRestore={(of, file) => {
                  const folder = parentOf(file);
                  setChoice({ path: folder, names: namesOf(nameOf(file)) });
                  go({ path: folder, name: nameOf(file) }, of.id);
                }}
              />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="compare">
            {view === 'compare' && (
              <Comparison
                read={readByAgent(policy.id)}
                points={points}
                point={{ ...point, repositoryId }}
                otherId={look.with}
                onOther={(other) => go({ path, view, with: other })}
                onShow={show}
              />
            )}
          </Tabs.Panel>
        </Tabs>
      </Card>
      {view === 'browse' && (
        <RestoreCard state={o.state} policy={policy} point={point} chosen={{ folder: path, names: [...chosen] }} />
      )}
    </>
  );
}

function namesOf(name: string | undefined): ReadonlySet<string> {
  return new Set(name === undefined ? [] : [name]);
}

function Folder(o: {
  readonly policyId: string;
  readonly point: SnapshotFacts;
  readonly path: string;
  readonly onPath: (folder: string) => void;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (names: ReadonlySet<string>) => void;
  readonly onDownload: (path: string) => void;
}): ReactNode {
  const { t } = useLanguage();
  const { policyId, point, path } = o;
  const entries = useInfiniteQuery({
    queryKey: ['entries', policyId, point.id, path],
    initialPageParam: 0,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal, pageParam }) =>
      ask('entries', { policyId, snapshotId: point.id, path, skip: pageParam }, signal),
    getNextPageParam: (last, _pages, skipped) => (last.more ? skipped + last.entries.length : undefined),
  });
  return (
    <>
      <Breadcrumbs path={path} onPath={o.onPath} takesFocus={false} />
      {entries.isPending && <Loader size="sm" aria-label={t('app.loading')} />}
      {entries.error && <ProblemAlert error={entries.error} />}
      {entries.data && (
        <EntryTable
          path={path}
          pages={entries.data.pages}
          chosen={o.chosen}
          onChoose={o.onChoose}
          onOpen={o.onPath}
          actions={(entry) => <DownloadButton entry={entry} onDownload={o.onDownload} />}
          isLoading={entries.isFetchingNextPage}
          hasMore={entries.hasNextPage}
          onMore={() => void entries.fetchNextPage()}
        />
      )}
    </>
  );
}
