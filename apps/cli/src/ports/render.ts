import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import {
  findRenderer,
  type RenderedFile,
  type RenderOptions,
  renderers,
  type Widening,
} from '@holdfast/contract/firewall';
import type { Plan } from '@holdfast/contract/plan';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { counted, print, printJson } from '../output.ts';
import type { PortsPlanOptions } from './plan.ts';

/** So many are shown one by one; a large plan may have thousands of the same kind. */
const maxWideningsShown = 50;
const maxNamesShown = 20;

/**
 * Renders a plan for one target: files into a folder, or a single one to standard output. What the target can't say as
 * narrowly as the plan is named on standard error, and the status says so unless that was accepted.
 */
export async function render(plan: Plan, format: string, options: PortsPlanOptions): Promise<ExitStatus> {
  const renderer = findRenderer(format);
  if (!renderer)
    throw new HoldfastError('usage.option', {
      message: `There is no format ${format}.`,
      guidance: `Formats: ${renderers.map(({ id }) => id).join(', ')}.`,
    });
  if (options.host !== undefined && !plan.hosts.some(({ name, managed }) => managed && name === options.host))
    throw new HoldfastError('usage.option', {
      message: `${options.host} is no host of this topology with rules of its own.`,
      guidance: `Such hosts: ${namesOf(plan)}.`,
    });
  const { files, removal, widenings } = await renderer.render(plan, renderOptions(options));
  const all = [...files, ...removal];
  const [only, second] = files;
  if (options.out !== undefined) await writeAll(options.out, all);
  else if (!only || second || typeof only.content !== 'string')
    throw new HoldfastError('usage.option', {
      message: `${renderer.title}: ${files.length} files can't go to standard output.`,
      guidance: 'Give a folder with --out, or one host with --host.',
    });
  else if (!options.json) await print(only.content);
  if (options.json) await printJson({ kind: 'rendering', format, files: all.map(({ path }) => path), widenings });
  else if (options.out !== undefined)
    await print(
      `${renderer.title}: ${counted(files.length, 'file')} in ${options.out}${removal.length === 0 ? '' : `, and ${removal.length} to remove what they do`}.\n`,
    );
  report(widenings);
  return widenings.length > 0 && !options.acceptWidening ? exitStatus.incomplete : exitStatus.success;
}

function namesOf({ hosts }: Plan): string {
  const names = hosts.filter(({ managed }) => managed).map(({ name }) => name);
  return `${names.slice(0, maxNamesShown).join(', ')}${names.length > maxNamesShown ? ' …' : ''}`;
}

function renderOptions(options: PortsPlanOptions): RenderOptions {
  const { host, zone, otherwise, leases, owner, expires } = options;
  return {
    otherwise,
    ...(host === undefined ? {} : { host }),
    ...(zone === undefined ? {} : { zones: zone }),
    ...(leases ? { leases } : {}),
    request: { ...(owner === undefined ? {} : { owner }), ...(expires === undefined ? {} : { expires }) },
  };
}

function report(widenings: readonly Widening[]): void {
  const shown = widenings.slice(0, maxWideningsShown);
  for (const { flow, host, message } of shown)
    process.stderr.write(`Wider than planned: ${host === undefined ? '' : `${host}, `}${flow}: ${message}\n`);
  if (widenings.length > shown.length)
    process.stderr.write(`… and ${widenings.length - shown.length} more; --json has all of them.\n`);
}

/** Folders are made as needed; files of an earlier rendering are replaced. */
async function writeAll(folder: string, files: readonly RenderedFile[]): Promise<void> {
  const made = new Set<string>();
  for (const { path, content } of files) {
    const inside = normalize(path);
    if (isAbsolute(inside) || inside.startsWith('..')) throw new TypeError(`a renderer may not write to ${path}`);
    const target = join(folder, inside);
    if (!made.has(dirname(target))) await mkdir(dirname(target), { recursive: true });
    made.add(dirname(target));
    await writeFile(target, content);
  }
}
