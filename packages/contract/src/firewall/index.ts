/** A plan as firewall rules, and as documents for the people who approve them. */
export { findRenderer, renderers } from './registry.ts';
export type { RenderedFile, Renderer, Rendering, RenderOptions, Widening } from './renderer.ts';
