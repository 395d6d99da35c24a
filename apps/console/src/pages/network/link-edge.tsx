import { BaseEdge, type Edge, EdgeLabelRenderer, type EdgeProps, getBezierPath } from '@xyflow/react';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import type { Link } from './map-links.ts';
import classes from './network-drawing.module.css';

export type LinkEdgeData = {
  readonly link: Link;
  /** Of its colour: what the last check found, or that another topology adds it. */
  readonly tone: string;
  readonly isChosen: boolean;
  readonly isFaint: boolean;
  readonly label: string | undefined;
  readonly onChoose: (chosen: { readonly node: string; readonly peer: string }) => void;
};

/** What is open between two nodes: a line, and a button on it. */
export function LinkEdge(props: EdgeProps<Edge<LinkEdgeData, 'link'>>): ReactNode {
  const t = useText();
  const { data, markerStart, markerEnd } = props;
  const [path, labelX, labelY] = getBezierPath({ ...props, curvature: 0.3 });
  if (!data) return null;
  const { link, tone, isChosen, isFaint, label } = data;
  return (
    <>
      <BaseEdge
        path={path}
        interactionWidth={18}
        className={`${classes['link']} ${classes[`link-${tone}`] ?? ''} ${isChosen ? classes['link-chosen'] : ''} ${isFaint ? classes['link-faint'] : ''}`}
        {...(markerStart === undefined ? {} : { markerStart })}
        {...(markerEnd === undefined ? {} : { markerEnd })}
      />
      {label !== undefined && (
        <EdgeLabelRenderer>
          <button
            type="button"
            className={`nodrag nopan ${classes['label']}`}
            data-tone={tone}
            data-faint={isFaint}
            aria-pressed={isChosen}
            aria-label={t('network.map.between', { one: link.a, other: link.b, what: label })}
            style={{
              transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px) scale(var(--label-scale, 1))`,
            }}
            onClick={() => data.onChoose({ node: link.a, peer: link.b })}
          >
            {label}
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  );
}
