import type { NetworkMap } from '@holdfast/protocol';
import { ActionIcon } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Card } from '../../components/card.tsx';
import { useText } from '../../i18n/language.tsx';
import { CheckOpenings } from './check-openings.tsx';
import { Ends } from './ends.tsx';
import { FlowDetails } from './flow-details.tsx';
import { type MapFlow, type MapNode, portsText } from './map-links.ts';
import classes from './network.module.css';
import { nodeTitle } from './node-title.ts';
import { OutcomeBadge } from './outcome-badge.tsx';
import { usePanel } from './use-panel.ts';

/** What there is to say of what is chosen: a flow, what is open between two nodes, or a node. */
export function SelectionPanel(o: {
  readonly map: NetworkMap;
  readonly flows: readonly MapFlow[];
  readonly flow?: string | undefined;
  readonly node?: string | undefined;
  readonly peer?: string | undefined;
  /** The map is of what there is, which can be checked. */
  readonly isReal: boolean;
  readonly onFlow: (id: string) => void;
  readonly onClose: () => void;
}): ReactNode {
  const t = useText();
  const node = o.map.nodes.find(({ id }) => id === o.node);
  const peer = o.map.nodes.find(({ id }) => id === o.peer);
  const touching = node
    ? o.flows.filter(({ from, to }) =>
        peer ? joins({ from, to }, node.id, peer.id) : [...from, ...to].includes(node.id),
      )
    : [];
  const only = peer && touching.length === 1 ? touching[0] : undefined;
  const flow = o.map.flows.find(({ id }) => id === o.flow) ?? only;
  const shown = flow ? flow.id : [node?.id, peer?.id].join('\n');
  const panel = usePanel(shown);
  const close = (
    <ActionIcon variant="subtle" color="gray" aria-label={t('network.close')} onClick={o.onClose}>
      <IconX size={18} aria-hidden="true" />
    </ActionIcon>
  );
  if (flow)
    return (
      <div ref={panel} tabIndex={-1} className={classes['panel']}>
        <Card title={t('network.flow')} aside={close}>
          <p className={classes['route']}>
            <Ends map={o.map} ids={flow.from} count={flow.fromHosts} /> <span aria-label={t('network.flow.to')}>→</span>{' '}
            <Ends map={o.map} ids={flow.to} count={flow.toHosts} />
          </p>
          <FlowDetails flow={flow} />
          {o.isReal && <CheckOpenings map={o.map} flows={[flow]} />}
        </Card>
      </div>
    );
  if (!node) return null;
  return (
    <div ref={panel} tabIndex={-1} className={classes['panel']}>
      <Card title={peer ? `${nodeTitle(node, t)} – ${nodeTitle(peer, t)}` : nodeTitle(node, t)} aside={close}>
        {!peer && <NodeFacts node={node} />}
        <h3 className={classes['part']}>{t('network.openings', { count: touching.length })}</h3>
        <ul className={classes['choices']}>
          {touching.map((each) => (
            <li key={each.id}>
              <button type="button" onClick={() => o.onFlow(each.id)}>
                <span className={classes['choice-head']}>
                  <code>{portsText(each)}</code>
                  <OutcomeBadge outcome={each.check?.outcome} />
                </span>
                <span>
                  <Ends map={o.map} ids={each.from} count={each.fromHosts} /> →{' '}
                  <Ends map={o.map} ids={each.to} count={each.toHosts} />
                </span>
              </button>
            </li>
          ))}
        </ul>
        {o.isReal && touching.length > 0 && <CheckOpenings map={o.map} flows={touching} />}
      </Card>
    </div>
  );
}

function joins({ from, to }: Pick<MapFlow, 'from' | 'to'>, one: string, other: string): boolean {
  return (from.includes(one) && to.includes(other)) || (from.includes(other) && to.includes(one));
}

function NodeFacts({ node }: { readonly node: MapNode }): ReactNode {
  const t = useText();
  return (
    <div className={classes['details']}>
      <p className={classes['rows']}>
        {node.roles.map((role) => (
          <code key={role}>{role}</code>
        ))}
        {node.zone !== '' && <span className={classes['soft']}>{t('network.in-zone', { zone: node.zone })}</span>}
      </p>
      <ul className={classes['hosts']}>
        {node.hosts.map(({ name, addresses, computerIds: [computer] }) => (
          <li key={name}>
            {computer === undefined ? (
              name
            ) : (
              <Link to="/computers/$id" params={{ id: computer }}>
                {name}
              </Link>
            )}{' '}
            <span className={classes['soft']}>{addresses.join(', ')}</span>
          </li>
        ))}
      </ul>
      {node.count > node.hosts.length && (
        <p className={classes['soft']}>{t('network.more-hosts', { count: node.count - node.hosts.length })}</p>
      )}
    </div>
  );
}
