import { productVersion } from '@holdfast/core';
import type { CommandNode } from './command-tree.ts';

/** Of the file: `holdfast-repo-create.1`. */
export function manualName({ path }: CommandNode): string {
  return `${path.join('-')}.1`;
}

/** A page of the manual, in the macros of man(7). */
export function manualPage(node: CommandNode, parent?: CommandNode): string {
  const name = node.path.join('-');
  const item = (term: string, description: string): string => `.TP\n.B ${escaped(term)}\n${text(description) || '\\&'}`;
  const section = (title: string, items: readonly string[]): readonly string[] =>
    items.length === 0 ? [] : [`.SH ${title}`, ...items];
  const related = [...(parent ? [parent] : []), ...node.commands].map(
    ({ path }) => `.BR ${escaped(path.join('-'))} (1)`,
  );
  return `${[
    `.TH "${escaped(name.toUpperCase())}" "1" "" "Holdfast ${productVersion}" "Holdfast"`,
    '.SH NAME',
    `${escaped(name)} \\- ${text(node.description.replaceAll('\n', ' '))}`,
    '.SH SYNOPSIS',
    `.B ${escaped(node.path.join(' '))}`,
    text(node.usage),
    '.SH DESCRIPTION',
    text(node.description),
    ...section(
      'COMMANDS',
      node.commands.map(({ names, description }) => item(names.join(', '), description)),
    ),
    ...section(
      'ARGUMENTS',
      node.arguments.map(({ term, description }) => item(term, description)),
    ),
    ...section(
      'OPTIONS',
      node.options.map(({ term, description }) => item(term, description)),
    ),
    ...section('NOTES', node.remarks === '' ? [] : ['.EX', text(node.remarks), '.EE']),
    ...section(
      'SEE ALSO',
      [related.join(',\n')].filter((list) => list !== ''),
    ),
  ].join('\n')}\n`;
}

/** Each line as text, whatever it begins with. */
function text(lines: string): string {
  return lines
    .split('\n')
    .map((line) => escaped(line).replace(/^(?=[.'])/, '\\&'))
    .join('\n');
}

/** A hyphen that is typed is a minus sign to roff. */
function escaped(words: string): string {
  return words.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
}
