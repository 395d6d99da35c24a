import type { NetworkMap } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Age } from '../../components/age.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { useText } from '../../i18n/language.tsx';
import { Ends } from './ends.tsx';
import { type MapFlow, portsText } from './map-links.ts';
import { OutcomeBadge } from './outcome-badge.tsx';

/** What the drawing shows, to read: one row for each flow. */
export function FlowsTable({
  map,
  flows,
}: {
  readonly map: NetworkMap;
  readonly flows: readonly MapFlow[];
}): ReactNode {
  const t = useText();
  if (map.flows.length === 0) return null;
  return (
    <DataTable
      label={t('network.table')}
      rows={flows}
      keyOf={({ id }) => id}
      columns={[
        {
          id: 'ports',
          head: t('network.flow.ports'),
          cell: ({ id, ...flow }) => (
            <Link from="/network" to="/network" search={(before) => ({ ...before, flow: id })} resetScroll={false}>
              {portsText(flow)}
            </Link>
          ),
        },
        {
          id: 'from',
          head: t('network.flow.from'),
          cell: ({ from, fromHosts }) => <Ends map={map} ids={from} count={fromHosts} />,
        },
        {
          id: 'to',
          head: t('network.flow.to'),
          cell: ({ to, toHosts }) => <Ends map={map} ids={to} count={toHosts} />,
        },
        {
          id: 'features',
          head: t('network.flow.features'),
          cell: ({ features, reasons }) => features.map(({ id }) => id).join(', ') || reasons.join(' '),
          wide: true,
        },
        {
          id: 'used',
          head: t('network.flow.last-used'),
          cell: ({ lastUsedAt }) => <Age at={lastUsedAt} />,
          wide: true,
        },
        {
          id: 'check',
          head: t('network.flow.check'),
          cell: ({ check }) => <OutcomeBadge outcome={check?.outcome} />,
        },
      ]}
      empty={t('network.none-found')}
      isLoading={false}
      hasMore={false}
      onMore={() => undefined}
    />
  );
}
