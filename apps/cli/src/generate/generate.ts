import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { createProgram } from '../command-table.ts';
import { printText } from '../output.ts';
import { bashCompletion } from './bash.ts';
import { type CommandNode, commandTree, everyCommand } from './command-tree.ts';
import { completionOf } from './completion.ts';
import { fishCompletion } from './fish.ts';
import { manualName, manualPage } from './manual.ts';
import { zshCompletion } from './zsh.ts';

export interface GenerateOptions {
  readonly bashCompletion?: string;
  readonly zshCompletion?: string;
  readonly fishCompletion?: string;
  readonly man?: string;
}

/** Writes completions and manual pages, made from the commands themselves. */
export async function generate({ man, ...files }: GenerateOptions): Promise<void> {
  const wanted = (['bashCompletion', 'zshCompletion', 'fishCompletion'] as const).filter((kind) => files[kind]);
  if (wanted.length === 0 && man === undefined)
    throw new HoldfastError('usage.option', {
      message: 'It is not said what to make.',
      guidance: 'Give --bash-completion, --zsh-completion or --fish-completion with a file, or --man with a folder.',
    });
  const root = commandTree(await createProgram());
  const make = { bashCompletion, zshCompletion, fishCompletion };
  for (const kind of wanted) await write(files[kind] ?? '-', make[kind](completionOf(root)));
  if (man !== undefined) await writeManual(root, man);
}

async function writeManual(root: CommandNode, folder: string): Promise<void> {
  const found = await stat(folder).catch((cause: unknown) => {
    throw unwritable(folder, cause);
  });
  if (!found.isDirectory()) throw unwritable(folder);
  const parents = new Map(everyCommand(root).flatMap((node) => node.commands.map((below) => [below, node])));
  for (const node of everyCommand(root))
    await write(join(folder, manualName(node)), manualPage(node, parents.get(node)));
}

async function write(file: string, content: string): Promise<void> {
  if (file === '-') return await printText(content);
  try {
    await writeFile(file, content);
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

function unwritable(path: string, cause?: unknown): HoldfastError {
  const reason = cause === undefined ? 'it is no folder' : (errnoOf(cause) ?? 'it does not work');
  return new HoldfastError('usage.option', {
    message: `${path} can't be written to: ${reason}.`,
    guidance: 'Give a place that exists and that you may write to.',
    cause,
  });
}
