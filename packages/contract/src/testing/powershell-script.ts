import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import treeSitter, { type Node } from '@vscode/tree-sitter-wasm';

/** A command with its parameters: `-Name 'a', 'b'` is `Name: ['a', 'b']`, a switch has no values. */
export interface PowerShellCommand {
  readonly name: string;
  readonly parameters: Readonly<Record<string, readonly string[]>>;
}

type Parse = (script: string) => readonly PowerShellCommand[];

/** A parser of scripts that are lists of commands with literal arguments. It throws for anything else. */
export async function powerShellParser(): Promise<Parse> {
  const folder = dirname(createRequire(import.meta.url).resolve('@vscode/tree-sitter-wasm'));
  await treeSitter.Parser.init();
  const parser = new treeSitter.Parser();
  parser.setLanguage(await treeSitter.Language.load(join(folder, 'tree-sitter-powershell.wasm')));
  return (script) => {
    const tree = parser.parse(script);
    assert.ok(tree);
    try {
      return commandsOf(tree.rootNode);
    } finally {
      tree.delete();
    }
  };
}

function commandsOf(root: Node): readonly PowerShellCommand[] {
  if (root.hasError) throw new SyntaxError('this is no PowerShell');
  // Subexpressions, blocks, variables in arguments, redirections … have no place here, whatever they mean.
  const expanding = root.descendantsOfType([
    ...['sub_expression', 'script_block_expression', 'expandable_string_literal', 'expandable_here_string_literal'],
    ...['invokation_expression', 'redirection', 'function_statement', 'if_statement', 'parenthesized_expression'],
  ]);
  if (expanding.length > 0) throw new SyntaxError(`${expanding[0]?.type}: ${expanding[0]?.text}`);
  return root.descendantsOfType('command').flatMap((node) => (node ? [commandOf(node)] : []));
}

function commandOf(command: Node): PowerShellCommand {
  const name = command.childForFieldName('command_name')?.text ?? '';
  const parameters: Record<string, string[]> = {};
  let values: string[] = [];
  for (const element of command.childForFieldName('command_elements')?.namedChildren ?? []) {
    if (element?.type === 'command_parameter') {
      const parameter = element.text.slice(1);
      if (parameter in parameters) throw new SyntaxError(`twice: ${element.text}`);
      values = parameters[parameter] = [];
    } else if (element && element.type !== 'command_argument_sep') values.push(...literals(element));
  }
  return { name, parameters };
}

function literals(element: Node): readonly string[] {
  const strings = element.descendantsOfType('verbatim_string_characters');
  return strings.length === 0
    ? [element.text]
    : strings.map((one) => one?.text.slice(1, -1).replaceAll("''", "'") ?? '');
}
