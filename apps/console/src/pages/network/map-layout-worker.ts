/** The drawing's layout in a thread of its own: the page stays at hand while a large network is laid out. */
import { type LayoutInput, layoutMap } from './map-layout.ts';

addEventListener('message', ({ data }: MessageEvent<{ readonly turn: number; readonly input: LayoutInput }>) => {
  postMessage({ turn: data.turn, layout: layoutMap(data.input) });
});
