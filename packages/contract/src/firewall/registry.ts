import { nftables } from './nftables.ts';
import type { Renderer } from './renderer.ts';

/** Every target that a plan can be rendered for, in the order in which lists show them: hosts, networks, people. */
export const renderers: readonly Renderer[] = [nftables];

/** The renderer of that id, as `--format` takes it. */
export function findRenderer(id: string): Renderer | undefined {
  return renderers.find((renderer) => renderer.id === id);
}
