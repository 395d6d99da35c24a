import { isUtf8 } from 'node:buffer';
import { type ExitStatus, exitStatus } from '@holdfast/core';
import { type ListedNode, listTree } from '@holdfast/engine';
import { type Node, type NodeType, unixPermissions } from '@holdfast/repository';
import type { LsOptions } from '../commands/ls.ts';
import { refuseWithoutExecutor } from '../managed/executor.ts';
import { print, printJson, shownTime } from '../output.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

export async function runLs(
  what: { readonly reference: string; readonly path: string },
  options: LsOptions,
  work: Work,
): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) refuseWithoutExecutor('ls');
  const { signal, view, resources } = work;
  const { reference, path } = splitReference(what.reference);
  const repository = await openGivenRepository(options, { resources, signal });
  if (options.lock) resources.use(await repository.lock({ exclusive: false, signal, onProblem: view.problem }));
  const { id } = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  const entries = listTree(repository, {
    snapshotId: id,
    path: path === '/' ? what.path : path,
    recursive: options.recursive,
    signal,
  });
  for await (const entry of entries) {
    if (options.json) await printJson(entryJson(entry));
    else await print(options.long ? longLine(entry) : `${shownPath(entry)}\n`);
  }
  return exitStatus.success;
}

function entryJson({ path, node }: ListedNode) {
  return {
    path: path.toString(),
    type: node.type,
    permissions: unixPermissions(node.mode).toString(8).padStart(4, '0'),
    uid: node.uid,
    gid: node.gid,
    user: node.user || undefined,
    group: node.group || undefined,
    size: node.type === 'file' ? (node.size ?? 0n) : undefined,
    modifiedAt: node.mtime,
    linkTarget: node.linkTarget?.toString(),
    links: node.links,
    inode: node.inode,
    pathBase64: isUtf8(path) ? undefined : path.toString('base64'),
  };
}

const typeLetters: Readonly<Record<NodeType, string>> = {
  file: '-',
  dir: 'd',
  symlink: 'l',
  dev: 'b',
  chardev: 'c',
  fifo: 'p',
  socket: 's',
  irregular: '?',
};

function longLine(entry: ListedNode): string {
  const { node } = entry;
  const owner = `${node.user || node.uid} ${node.group || node.gid}`;
  const size = node.type === 'file' ? String(node.size ?? 0n) : '';
  const target = node.linkTarget === undefined ? '' : ` -> ${printable(node.linkTarget.toString())}`;
  return `${modeText(node)} ${owner.padEnd(17)} ${size.padStart(12)} ${shownTime(node.mtime)} ${shownPath(entry)}${target}\n`;
}

/** As `ls -l` shows it: `-rwxr-sr-t`. */
function modeText(node: Node): string {
  const bits = unixPermissions(node.mode);
  const triple = (shift: number, special: boolean, letter: string): string => {
    const execute = (bits >> shift) & 1;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${(bits >> shift) & 4 ? 'r' : '-'}${(bits >> shift) & 2 ? 'w' : '-'}${last}`;
  };
  return `${typeLetters[node.type]}${triple(6, (bits & 0o4000) !== 0, 's')}${triple(3, (bits & 0o2000) !== 0, 's')}${triple(0, (bits & 0o1000) !== 0, 't')}`;
}

const shownPath = ({ path }: ListedNode): string => printable(path.toString());

/** A name from a backup must not be able to steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
