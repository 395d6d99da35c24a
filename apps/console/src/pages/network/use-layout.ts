import { useEffect, useRef, useState } from 'react';
import type { LayoutInput, MapLayout } from './map-layout.ts';

/** The layout of what is to be drawn now; until it is there, the one before. Throws where the browser could not make it. */
export function useLayout(input: LayoutInput): MapLayout | undefined {
  const worker = useRef<Worker>(undefined);
  const turn = useRef(0);
  const [layout, setLayout] = useState<MapLayout>();
  const [failure, setFailure] = useState<Error>();
  useEffect(() => {
    const started = new Worker(new URL('./map-layout-worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener(
      'message',
      ({ data }: MessageEvent<{ readonly turn: number; readonly layout: MapLayout }>) => {
        if (data.turn === turn.current) setLayout(data.layout);
      },
    );
    started.addEventListener('error', ({ message }) =>
      setFailure(new Error(message || 'The drawing could not be laid out.')),
    );
    worker.current = started;
    return () => started.terminate();
  }, []);
  useEffect(() => {
    turn.current += 1;
    worker.current?.postMessage({ turn: turn.current, input });
  }, [input]);
  if (failure) throw failure;
  return layout;
}
