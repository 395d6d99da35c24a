import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import {
  findRenderer,
  type RenderedFile,
  type Renderer,
  type RenderOptions,
  renderers,
  type Widening,
} from '@holdfast/contract/firewall';
import type { Plan } from '@holdfast/contract/plan';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError } from '@holdfast/core';
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
  refuseUnfit(renderer, options);
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

/** An option that a target has no use for would be taken for one that is obeyed. */
function refuseUnfit({ scope, title }: Renderer, options: PortsPlanOptions): void {
  const isDocument = scope === 'document';
  const unfit = [
    options.host !== undefined && scope !== 'host' ? '--host' : '',
    options.zone !== undefined && scope !== 'cloud' ? '--zone' : '',
    options.otherwise === 'leave' && isDocument ? '--otherwise' : '',
    options.leases && isDocument ? '--leases' : '',
    options.owner !== undefined && !isDocument ? '--owner' : '',
    options.expires !== undefined && !isDocument ? '--expires' : '',
  ].filter((one) => one !== '');
  if (unfit.length > 0)
    throw new HoldfastError('usage.option', { message: `${title}: ${unfit.join(' and ')} can't be used with it.` });
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

/**
 * Folders are made as needed. An earlier rendering is never replaced: its removal takes away rules that this one may not know,
 * and files of computers that are gone would stay among the new ones.
 */
async function writeAll(folder: string, files: readonly RenderedFile[]): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await writeNew(folder, files);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new HoldfastError('usage.option', {
      message: `${folder} can't be written: ${code}.`,
      guidance: 'Give a folder that you may write to.',
      cause: error,
    });
  }
}

async function writeNew(folder: string, files: readonly RenderedFile[]): Promise<void> {
  const there = new Set(await readdir(folder));
  const taken = files.map(({ path }) => path.replace(/\/.*/, '')).find((entry) => there.has(entry));
  if (taken !== undefined)
    throw new HoldfastError('usage.option', {
      message: `${folder} has ${taken} already; nothing was written.`,
      guidance:
        'Give a new folder, and keep the other: only the removal files of an earlier rendering take away exactly its rules.',
    });
  for (const { path, content } of files) {
    const inside = normalize(path);
    if (isAbsolute(inside) || inside.startsWith('..')) throw new TypeError(`a renderer may not write to ${path}`);
    const target = join(folder, inside);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { flag: 'wx' });
  }
}
