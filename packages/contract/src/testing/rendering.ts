import assert from 'node:assert/strict';
import type { RenderedFile, Renderer, Rendering, RenderOptions } from '../firewall/renderer.ts';
import type { Plan } from '../plan/plan.ts';

/** For renderers that don't wait for anything. */
export function renderNow(renderer: Renderer, plan: Plan, options?: RenderOptions): Rendering {
  const rendering = renderer.render(plan, options);
  if (rendering instanceof Promise) throw new TypeError(`${renderer.id} is asynchronous`);
  return rendering;
}

/** The text of the only file. */
export function contentOf(files: readonly RenderedFile[]): string {
  const [file, ...others] = files;
  assert.ok(file && others.length === 0 && typeof file.content === 'string');
  return file.content;
}
