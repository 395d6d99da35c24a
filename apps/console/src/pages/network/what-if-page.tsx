import type { NetworkChange } from '@holdfast/protocol';
import { Button, Loader, SegmentedControl } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { call } from '../../api/call.ts';
import { routeKey, routeQuery } from '../../api/queries.ts';
import { saveFile } from '../../api/save-file.ts';
import { Card } from '../../components/card.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { HostNames } from './ends.tsx';
import { portsText } from './map-links.ts';
import classes from './network.module.css';
import type { Chosen } from './network-drawing.tsx';
import { Renderings } from './renderings.tsx';
import { SelectionPanel } from './selection-panel.tsx';
import { ToNetwork } from './to-network.tsx';
import type { Topology } from './topology.ts';
import { TopologyForm } from './topology-form.tsx';

const NetworkDrawing = lazy(async () => ({ default: (await import('./network-drawing.tsx')).NetworkDrawing }));
const TopologyText = lazy(async () => ({ default: (await import('./topology-text.tsx')).TopologyText }));
/** The server is asked when somebody pauses. */
const pauseMs = 400;

/** Another topology, tried out: which openings would come and go. Nothing is changed anywhere. */
export function WhatIfPage(): ReactNode {
  const t = useText();
  const inventory = useQuery({ ...routeQuery('topology', {}), refetchOnWindowFocus: false });
  return (
    <Stacked>
      <PageHead title={t('network.what-if')} subtitle={t('network.what-if.lead')}>
        <ToNetwork />
      </PageHead>
      {inventory.error && <ProblemAlert error={inventory.error} />}
      {inventory.isPending && <Loader aria-label={t('app.loading')} />}
      {inventory.data && <WhatIf inventory={inventory.data} />}
    </Stacked>
  );
}

function WhatIf({ inventory }: { readonly inventory: Topology }): ReactNode {
  const t = useText();
  const [topology, setTopology] = useState(inventory);
  const [way, setWay] = useState<'form' | 'text'>('form');
  const [asked] = useDebouncedValue(topology, pauseMs);
  const answer = useQuery({
    queryKey: routeKey('whatIf', { body: { topology: asked } }),
    queryFn: ({ signal }) => call('whatIf', { body: { topology: asked }, signal }),
    placeholderData: keepPreviousData,
  });
  // The form takes a topology apart; of a text only what the server has understood is one.
  const isUnderstood = topology === inventory || (answer.isSuccess && !answer.isPlaceholderData && asked === topology);
  const download = async (): Promise<void> => {
    const { topologyText } = await import('./topology-text.tsx');
    saveFile('topology.yaml', topologyText(topology));
  };
  return (
    <>
      <div className={classes['two']}>
        <Card
          title={t('network.topology')}
          aside={
            <SegmentedControl
              size="xs"
              aria-label={t('network.topology')}
              value={way}
              onChange={(value) => setWay(value === 'text' ? 'text' : 'form')}
              data={[
                { value: 'form', label: t('network.topology.form'), disabled: way === 'text' && !isUnderstood },
                { value: 'text', label: t('network.topology.text') },
              ]}
            />
          }
        >
          {way === 'form' ? (
            <TopologyForm topology={topology} onChange={setTopology} features={answer.data?.map.features ?? []} />
          ) : (
            <Suspense fallback={<Loader aria-label={t('app.loading')} />}>
              <TopologyText topology={topology} onChange={setTopology} />
            </Suspense>
          )}
          <div className={classes['buttons']}>
            <Button variant="default" size="compact-sm" onClick={() => void download()}>
              {t('network.topology.download')}
            </Button>
            <Button variant="subtle" size="compact-sm" onClick={() => (setTopology(inventory), setWay('form'))}>
              {t('network.topology.reset')}
            </Button>
          </div>
        </Card>
        <div className={classes['changes']}>
          {answer.error && <ProblemAlert error={answer.error} />}
          {answer.data && !answer.error && (
            <>
              <Changes title={t('network.added', { count: answer.data.added.length })} changes={answer.data.added} />
              <Changes
                title={t('network.removed', { count: answer.data.removed.length })}
                changes={answer.data.removed}
              />
            </>
          )}
        </div>
      </div>
      {answer.data && !answer.error && <TriedMap answer={answer.data} />}
      <Renderings topology={topology} />
    </>
  );
}

function TriedMap({ answer }: { readonly answer: Awaited<ReturnType<typeof call<'whatIf'>>> }): ReactNode {
  const t = useText();
  const [chosen, setChosen] = useState<Chosen & { readonly flow?: string }>({});
  const added = useMemo(() => new Set(answer.added.map(({ flow }) => flow.id)), [answer]);
  const { map } = answer;
  return (
    <div className={classes['columns']} data-split={chosen.node !== undefined}>
      <Suspense fallback={<Loader aria-label={t('app.loading')} />}>
        <NetworkDrawing map={map} flows={map.flows} withLonely chosen={chosen} onChoose={setChosen} added={added} />
      </Suspense>
      {chosen.node !== undefined && (
        <SelectionPanel
          map={map}
          flows={map.flows}
          {...chosen}
          isReal={false}
          onFlow={(flow) => setChosen({ ...chosen, flow })}
          onClose={() => setChosen(chosen.flow === undefined ? {} : { node: chosen.node, peer: chosen.peer })}
        />
      )}
    </div>
  );
}

function Changes({
  title,
  changes,
}: {
  readonly title: string;
  readonly changes: readonly NetworkChange[];
}): ReactNode {
  const t = useText();
  return (
    <Card title={title}>
      {changes.length === 0 ? (
        <p className={classes['tight']}>{t('network.no-changes')}</p>
      ) : (
        <PlainTable
          label={title}
          rows={changes}
          keyOf={({ flow, from, to }) => [flow.id, ...from, '>', ...to].join(' ')}
          columns={[
            {
              id: 'ports',
              head: t('network.flow.ports'),
              cell: ({ flow }) => <code className={classes['ports']}>{portsText(flow)}</code>,
            },
            {
              id: 'from',
              head: t('network.flow.from'),
              cell: ({ from, fromHosts }) => <HostNames names={from} count={fromHosts} />,
            },
            {
              id: 'to',
              head: t('network.flow.to'),
              cell: ({ to, toHosts }) => <HostNames names={to} count={toHosts} />,
            },
            {
              id: 'why',
              head: t('network.flow.features'),
              cell: ({ flow }) => flow.features.map(({ id }) => id).join(', ') || flow.reasons.join(' '),
              wide: true,
            },
          ]}
        />
      )}
    </Card>
  );
}
