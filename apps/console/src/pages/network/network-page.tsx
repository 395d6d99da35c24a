import type { NetworkMap } from '@holdfast/protocol';
import { Button, Loader, SegmentedControl } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconDownload, IconPencil, IconShieldCheck } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { given } from '../search-values.ts';
import { FlowsTable } from './flows-table.tsx';
import { filterFlows } from './map-links.ts';
import classes from './network.module.css';
import { NetworkChecks } from './network-checks.tsx';
import { NetworkFilters } from './network-filters.tsx';
import type { NetworkSearch } from './network-search.ts';
import { SelectionPanel } from './selection-panel.tsx';

const NetworkDrawing = lazy(async () => ({ default: (await import('./network-drawing.tsx')).NetworkDrawing }));
const route = getRouteApi('/network');
/** On a phone the table comes first: it says the same, and can be read there. */
const narrow = '(max-width: 40rem)';

/** The contract, applied to this fleet: every opening, why it is there, and whether it works. */
export function NetworkPage(): ReactNode {
  const t = useText();
  const map = useQuery({ ...routeQuery('networkMap', {}), placeholderData: keepPreviousData });
  return (
    <Stacked>
      <PageHead title={t('network.title')} subtitle={t('network.lead')}>
        <Button
          component={Link}
          to="/network/what-if"
          variant="default"
          leftSection={<IconPencil size={17} aria-hidden="true" />}
        >
          {t('network.what-if')}
        </Button>
        <Button
          component={Link}
          to="/network/proof"
          variant="default"
          leftSection={<IconShieldCheck size={17} aria-hidden="true" />}
        >
          {t('network.proof')}
        </Button>
        <Button component={Link} to="/network/rules" leftSection={<IconDownload size={17} aria-hidden="true" />}>
          {t('network.rules')}
        </Button>
      </PageHead>
      {map.error && <ProblemAlert error={map.error} />}
      {map.isPending && <Loader aria-label={t('app.loading')} />}
      {map.data && <Network map={map.data} />}
    </Stacked>
  );
}

function Network({ map }: { readonly map: NetworkMap }): ReactNode {
  const t = useText();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { feature, zone, text } = search;
  const isNarrow = useMediaQuery(narrow, undefined, { getInitialValueInEffect: false });
  const view = search.view ?? (isNarrow ? 'table' : 'map');
  const go = (change: { [Key in keyof NetworkSearch]?: NetworkSearch[Key] | undefined }): void =>
    void navigate({ search: given({ ...search, ...change }), replace: true, resetScroll: false });
  const flows = useMemo(() => filterFlows(map, given({ feature, zone, text })), [map, feature, zone, text]);
  const stops = map.features.find(({ id }) => id === feature)?.stops;
  const isFiltered = feature !== undefined || zone !== undefined || text !== undefined;
  const isChosen = search.flow !== undefined || search.node !== undefined;
  const chosen = useMemo(() => chosenOf(map, search), [map, search]);
  const onChoose = useMemo(
    () => (next: { readonly node?: string | undefined; readonly peer?: string | undefined }) =>
      void navigate({
        search: (before) => given({ ...before, flow: undefined, node: next.node, peer: next.peer }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return (
    <>
      <div>
        <NetworkFilters map={map} search={search} onChange={go} />
        <div className={classes['bar']}>
          <p role="status">
            {t('network.openings', { count: flows.length })} · {t('network.hosts', { count: hostCount(map) })}
          </p>
          <SegmentedControl
            aria-label={t('network.view')}
            value={view}
            onChange={(value) => go({ view: value === 'table' ? 'table' : 'map' })}
            data={[
              { value: 'map', label: t('network.map') },
              { value: 'table', label: t('network.table') },
            ]}
          />
        </div>
        {stops !== undefined && <p className={classes['needs']}>{t('network.feature.stops', { what: stops })}</p>}
        {map.flows.length === 0 && <p className={classes['needs']}>{t('network.nothing')}</p>}
        <div className={classes['columns']} data-split={isChosen}>
          {view === 'table' ? (
            <FlowsTable map={map} flows={flows} />
          ) : (
            <Suspense fallback={<Loader aria-label={t('app.loading')} />}>
              <NetworkDrawing map={map} flows={flows} withLonely={!isFiltered} chosen={chosen} onChoose={onChoose} />
            </Suspense>
          )}
          {isChosen && (
            <SelectionPanel
              map={map}
              flows={flows}
              flow={search.flow}
              node={search.node}
              peer={search.peer}
              isReal
              onFlow={(flow) => go({ flow })}
              onClose={() =>
                go(
                  search.flow !== undefined && search.node !== undefined
                    ? { flow: undefined }
                    : { flow: undefined, node: undefined, peer: undefined },
                )
              }
            />
          )}
        </div>
      </div>
      <NetworkChecks map={map} />
      {map.notes.length > 0 && (
        <Card title={t('network.notes')}>
          <ul className={classes['texts']}>
            {map.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </Card>
      )}
    </>
  );
}

/** A flow that was chosen in the table is shown at its ends, where it has one node at each. */
function chosenOf(map: NetworkMap, { flow: flowId, node, peer }: NetworkSearch) {
  if (node !== undefined) return given({ node, peer });
  const flow = map.flows.find(({ id }) => id === flowId);
  const [from, to] = [flow?.from[0], flow?.to[0]];
  return from !== undefined && to !== undefined && from !== to ? { node: from, peer: to } : given({ node: from });
}

function hostCount({ nodes }: NetworkMap): number {
  return nodes.reduce((sum, { count }) => sum + count, 0);
}
