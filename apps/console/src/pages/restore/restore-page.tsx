import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Button, Tabs } from '@mantine/core';
import { IconKey, IconRestore } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { pagesQuery, routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMayOpen } from '../../session/rights.ts';
import { useRepository } from '../repositories/use-repository.ts';
import { given, oneOf } from '../search-values.ts';
import { Comparison } from './comparison.tsx';
import { ComputerChoice } from './computer-choice.tsx';
import { download } from './download.ts';
import { FolderBrowser } from './folder-browser.tsx';
import { NameSearch } from './name-search.tsx';
import { readByServer } from './read-by-server.ts';
import { RecentRestores } from './recent-restores.tsx';
import { Refusal } from './refusal.tsx';
import classes from './restore.module.css';
import { RestoreDialog, type Wanted } from './restore-dialog.tsx';
import { type RestoreSearch, restoreViews } from './restore-search.ts';
import { RestoredWhat } from './restored-what.tsx';
import { childOf, nameOf, parentOf, startingFolder } from './snapshot-paths.ts';
import { Timeline } from './timeline.tsx';

const route = getRouteApi('/restore');
const pageSize = 200;
type Change = { [Key in keyof RestoreSearch]?: RestoreSearch[Key] | undefined };

/** A computer, a point in time, and what was there then: all of it in the address. */
export function RestorePage(): ReactNode {
  const t = useText();
  const mayOpen = useMayOpen();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { computer, from, to } = search;
  // Whoever follows "Show" goes on reading in the folder that it leads to.
  const [isLed, setIsLed] = useState(false);
  const turn = (part: Change, replace: boolean): void => {
    setIsLed(false);
    void navigate({ search: given({ ...search, ...part }), replace });
  };
  const change = (part: Change): void => turn(part, true);
  /** Back leads to where somebody was. */
  const go = (part: Change): void => turn(part, false);
  const query = {
    agentId: computer,
    limit: pageSize,
    ...(from === undefined ? {} : { takenFrom: new Date(`${from}T00:00:00`).toISOString() }),
    ...(to === undefined ? {} : { takenTo: new Date(`${to}T23:59:59.999`).toISOString() }),
  };
  const snapshots = useInfiniteQuery({
    ...pagesQuery('snapshots', { query: given(query) }),
    enabled: computer !== undefined,
  });
  // While another computer's backups are asked for, those of the one before are still there.
  const points = useMemo(
    () => snapshots.data?.pages.flatMap((page) => page.snapshots).filter(({ agentId }) => agentId === computer) ?? [],
    [snapshots.data, computer],
  );
  const listed = points.find((one) => isNamed(one, search));
  // A link may name a point that is older than what the timeline shows so far.
  const named = useQuery({
    ...routeQuery('snapshots', {
      query: given({ agentId: computer, snapshotId: search.snapshot, repositoryId: search.repository, limit: 1 }),
    }),
    enabled: computer !== undefined && search.snapshot !== undefined && snapshots.isSuccess && listed === undefined,
  });
  const point = listed ?? named.data?.snapshots.find((one) => isNamed(one, search));
  const choose = ({ id, repositoryId }: CatalogueSnapshot): void => change({ snapshot: id, repository: repositoryId });
  const show = (of: CatalogueSnapshot, folder: string): void => {
    go({ snapshot: of.id, repository: of.repositoryId, path: folder, view: undefined });
    setIsLed(true);
  };
  // The newest is what most people want: it is opened while they still look for another. From then on it stays, whatever is backed
  // up in the meantime.
  const newest = search.snapshot === undefined ? points[0] : undefined;
  useEffect(() => {
    if (newest === undefined) return;
    const { id, repositoryId } = newest;
    void navigate({ search: (before) => ({ ...before, snapshot: id, repository: repositoryId }), replace: true });
  }, [newest, navigate]);
  return (
    <Stacked>
      <PageHead title={t('restore.title')} subtitle={t('restore.lead')}>
        {mayOpen('/recovery-tokens') && (
          <Button
            component={Link}
            to="/recovery-tokens"
            variant="default"
            leftSection={<IconKey size={17} aria-hidden="true" />}
          >
            {t('recovery-tokens.title')}
          </Button>
        )}
      </PageHead>
      <Card>
        <div className={classes['top']}>
          <ComputerChoice
            label={t('restore.computer')}
            value={computer}
            onChange={(id) => void navigate({ search: given({ computer: id }) })}
          />
          {computer !== undefined && snapshots.data && (points.length > 0 || !snapshots.isPlaceholderData) && (
            <Timeline
              points={points}
              chosen={point}
              onChoose={choose}
              from={from}
              to={to}
              onDays={change}
              onOlder={snapshots.hasNextPage ? () => void snapshots.fetchNextPage() : undefined}
            />
          )}
        </div>
        {(snapshots.error ?? named.error) && <ProblemAlert error={snapshots.error ?? named.error} />}
        {named.data && !point && <p role="status">{t('restore.point-gone')}</p>}
      </Card>
      {computer === undefined && <RecentRestores />}
      {computer !== undefined && point && (
        <Point
          key={`${point.repositoryId} ${point.id}`}
          point={point}
          points={points}
          search={search}
          isLed={isLed}
          onGo={go}
          onChange={change}
          onShow={show}
        />
      )}
    </Stacked>
  );
}

const noNames: ReadonlySet<string> = new Set();

function Point(o: {
  readonly point: CatalogueSnapshot;
  readonly points: readonly CatalogueSnapshot[];
  readonly search: RestoreSearch;
  readonly isLed: boolean;
  readonly onGo: (change: Change) => void;
  readonly onChange: (change: Change) => void;
  readonly onShow: (point: CatalogueSnapshot, folder: string) => void;
}): ReactNode {
  const t = useText();
  const { point, points, search, onGo, onChange } = o;
  const repository = useRepository(point.repositoryId);
  const { view = 'browse', path = startingFolder(point.sources) } = search;
  // Of one folder: whichever way somebody gets to another, nothing of it has been chosen there.
  const [choice, setChoice] = useState({ path, names: noNames });
  const chosen = choice.path === path ? choice.names : noNames;
  const [wanted, setWanted] = useState<Wanted>();
  const names = [...chosen];
  const single = names.length === 0 ? path : names.length === 1 ? childOf(path, names[0] ?? '') : undefined;
  const downloads = useMutation({ mutationFn: download });
  const name = repository.data?.name ?? '…';
  const isZeroKnowledge = repository.data?.zeroKnowledge ?? false;
  return (
    <>
      <RestoredWhat hostname={point.hostname} takenAt={point.takenAt} repository={name}>
        {view === 'browse' && !isZeroKnowledge && single !== undefined && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => downloads.mutate({ repositoryId: point.repositoryId, snapshotId: point.id, path: single })}
          >
            {t(names.length === 0 ? 'restore.download-folder' : 'restore.download')}
          </Button>
        )}
        {view === 'browse' && (
          <Button
            size="compact-sm"
            leftSection={<IconRestore size={17} aria-hidden="true" />}
            onClick={() => setWanted({ point, chosen: { folder: isZeroKnowledge ? '/' : path, names } })}
          >
            {isZeroKnowledge && t('restore.begin-all')}
            {!isZeroKnowledge &&
              t(names.length === 0 ? 'restore.begin-folder' : 'restore.begin-chosen', { count: names.length })}
          </Button>
        )}
      </RestoredWhat>
      <Card>
        {(repository.error ?? downloads.error) && <Refusal error={repository.error ?? downloads.error} />}
        <Tabs
          className={classes['below'] ?? ''}
          value={view}
          onChange={(value) => onGo({ view: oneOf(value, ['search', 'compare']) })}
        >
          <Tabs.List mb="md">
            {restoreViews.map((one) => (
              <Tabs.Tab key={one} value={one}>
                {t(`restore.view.${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="browse">
            {view === 'browse' && (
              <FolderBrowser
                point={point}
                repository={name}
                path={path}
                onPath={(folder) => onGo({ path: folder })}
                chosen={chosen}
                onChoose={(of) => setChoice({ path, names: of })}
                onDownload={downloads.mutate}
                takesFocus={o.isLed}
              />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="search">
            {view === 'search' && (
              <NameSearch
                read={readByServer}
                points={points}
                point={point}
                text={search.find ?? ''}
                onText={(text) => onChange({ find: text || undefined })}
                onShow={o.onShow}
                onDownload={downloads.mutate}
                onRestore={(of, file) =>
                  setWanted({ point: of, chosen: { folder: parentOf(file), names: [nameOf(file)] } })
                }
              />
            )}
          </Tabs.Panel>
          <Tabs.Panel value="compare">
            {view === 'compare' && (
              <Comparison
                read={readByServer}
                points={points}
                point={point}
                otherId={search.with}
                onOther={(other) => onChange({ with: other })}
                onShow={o.onShow}
              />
            )}
          </Tabs.Panel>
        </Tabs>
      </Card>
      <RestoreDialog
        wanted={wanted}
        repository={name}
        isZeroKnowledge={isZeroKnowledge}
        onClose={() => setWanted(undefined)}
      />
    </>
  );
}

function isNamed({ id, repositoryId }: CatalogueSnapshot, { snapshot, repository }: RestoreSearch): boolean {
  return id === snapshot && (repository === undefined || repository === repositoryId);
}
