import {
  type Icon,
  IconCloud,
  IconDatabase,
  IconDeviceDesktop,
  IconShieldHalfFilled,
  IconTerminal2,
} from '@tabler/icons-react';
import { Handle, type Node, type NodeProps, Position } from '@xyflow/react';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import type { MapNode } from './map-links.ts';
import classes from './network-drawing.module.css';
import { type NodeKind, nodeKind } from './node-kind.ts';
import { nodeTitle } from './node-title.ts';

export type HostNodeData = {
  readonly node: MapNode;
  readonly isChosen: boolean;
  readonly isFaint: boolean;
  readonly onChoose: (chosen: { readonly node: string }) => void;
};
export type ZoneNodeData = { readonly title: string };

const icons: Readonly<Record<NodeKind, Icon>> = {
  client: IconTerminal2,
  agent: IconDeviceDesktop,
  server: IconShieldHalfFilled,
  storage: IconDatabase,
  outside: IconCloud,
};

/** One host, or all that are alike, to choose. */
export function HostNode({ data }: NodeProps<Node<HostNodeData, 'host'>>): ReactNode {
  const t = useText();
  const { node, isChosen, isFaint, onChoose } = data;
  const kind = nodeKind(node);
  const Sign = icons[kind];
  const title = nodeTitle(node, t);
  return (
    <>
      <Handle id="left" type="source" position={Position.Left} isConnectable={false} className={classes['handle']} />
      <button
        type="button"
        className={`nopan ${classes['host']}`}
        data-kind={kind}
        data-many={node.count > 1}
        data-faint={isFaint}
        aria-pressed={isChosen}
        onClick={() => onChoose({ node: node.id })}
      >
        <span className={classes['sign']}>
          <Sign size={19} stroke={1.7} aria-hidden="true" />
        </span>
        <span className={classes['names']}>
          <span className={classes['title']}>{title}</span>
          <span className={classes['roles']}>{node.roles.join(', ') || t('network.kind.outside')}</span>
        </span>
      </button>
      <Handle id="right" type="source" position={Position.Right} isConnectable={false} className={classes['handle']} />
    </>
  );
}

export function ZoneNode({ data }: NodeProps<Node<ZoneNodeData, 'zone'>>): ReactNode {
  return (
    <div className={classes['zone']}>
      <span className={classes['zone-title']}>{data.title}</span>
    </div>
  );
}
