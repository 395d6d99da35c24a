import { useReactFlow, useStore } from '@xyflow/react';
import { type RefObject, useEffect, useRef } from 'react';
import type { MapLayout } from './map-layout.ts';

const wholeOptions = { padding: 0.06, maxZoom: 1.05 };
/** No smaller than hosts can be read and hit (24 px, WCAG 2.2): of a large network a part is seen first, unless all of it is asked for. */
const smallestZoom = 0.4;
export const fitOptions = { first: { ...wholeOptions, minZoom: smallestZoom }, whole: wholeOptions };

/** Another drawing is looked at as a whole first, and so is one beside which a panel takes room. */
export function FitAgain(o: { readonly layout: MapLayout | undefined; readonly isMoved: RefObject<boolean> }): null {
  const { layout, isMoved } = o;
  const { fitView } = useReactFlow();
  const width = useStore((state) => state.width);
  const fitted = useRef<MapLayout>(undefined);
  useEffect(() => {
    if (fitted.current !== layout) isMoved.current = false;
    fitted.current = layout;
    if (layout && !isMoved.current) void fitView(fitOptions.first);
  }, [layout, width, fitView, isMoved]);
  return null;
}

/** Keeps what stands on lines readable and within reach where the drawing is small. */
export function LabelSize(): null {
  const frame = useStore((state) => state.domNode);
  const zoom = useStore(({ transform: [, , now] }) => now);
  useEffect(() => {
    frame?.style.setProperty('--label-scale', String(1 / Math.min(1, Math.max(smallestZoom, zoom))));
  }, [frame, zoom]);
  return null;
}

/**
 * Whoever goes through hosts and lines with the keyboard sees where they are. The browser itself would scroll what lies in the frame,
 * which moves the drawing away from where React Flow believes it to be.
 */
export function FocusInSight(): null {
  const { screenToFlowPosition, setCenter, getZoom } = useReactFlow();
  const frame = useStore((state) => state.domNode);
  useEffect(() => {
    const show = ({ target }: FocusEvent): void => {
      if (!frame || !(target instanceof HTMLElement) || !target.matches(':focus-visible')) return;
      for (
        let around: HTMLElement | null = target;
        around && around !== frame.parentElement;
        around = around.parentElement
      )
        if (around.scrollTop !== 0 || around.scrollLeft !== 0) around.scrollTo(0, 0);
      const [inner, outer] = [target.getBoundingClientRect(), frame.getBoundingClientRect()];
      const isInSight =
        inner.left >= outer.left &&
        inner.right <= outer.right &&
        inner.top >= outer.top &&
        inner.bottom <= outer.bottom;
      if (isInSight) return;
      const { x, y } = screenToFlowPosition({ x: inner.x + inner.width / 2, y: inner.y + inner.height / 2 });
      void setCenter(x, y, { zoom: getZoom() });
    };
    frame?.addEventListener('focusin', show);
    return () => frame?.removeEventListener('focusin', show);
  }, [frame, screenToFlowPosition, setCenter, getZoom]);
  return null;
}
