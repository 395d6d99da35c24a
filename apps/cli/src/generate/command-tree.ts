import type { Command } from 'commander';

/** What a command takes and says of itself, as completions and manual pages need it. */
export interface CommandNode {
  /** From the program on: `['holdfast', 'repo', 'create']`. */
  readonly path: readonly string[];
  /** All names for the last of the path. */
  readonly names: readonly string[];
  readonly description: string;
  /** As help shows it, behind the path. */
  readonly usage: string;
  readonly commands: readonly CommandNode[];
  readonly options: readonly OptionNode[];
  readonly arguments: readonly { readonly term: string; readonly description: string }[];
  /** What the first argument may be, where that is known. */
  readonly choices: readonly string[];
  /** What help says below its lists: examples, variables, exit statuses. */
  readonly remarks: string;
}

export interface OptionNode {
  /** Spellings: `-r`, `--repo`. */
  readonly flags: readonly string[];
  readonly term: string;
  readonly description: string;
  readonly takesValue: boolean;
  /** What the value may be, where that is known. */
  readonly choices: readonly string[];
}

/** The commands below and with this one that help shows. */
export function commandTree(command: Command, above: readonly string[] = []): CommandNode {
  const help = command.createHelp();
  const path = [...above, command.name()];
  const [first] = command.registeredArguments;
  return {
    path,
    names: [command.name(), ...command.aliases()],
    description: command.description(),
    usage: command.usage(),
    commands: help.visibleCommands(command).map((one) => commandTree(one, path)),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined),
      term: help.optionTerm(option),
      description: help.optionDescription(option),
      // Of an optional value nobody knows whether the next word is it.
      takesValue: option.required,
      choices: option.argChoices ?? [],
    })),
    arguments: help.visibleArguments(command).map((argument) => ({
      term: help.argumentTerm(argument),
      description: help.argumentDescription(argument),
    })),
    choices: first?.argChoices ?? [],
    remarks: remarksOf(command),
  };
}

/** Commander prints first its own lists, and then what was added. */
function remarksOf(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({ writeOut: (text) => void parts.push(text) }).outputHelp();
  return parts.slice(1).join('').trim();
}

/** With all below it, from above. */
export function everyCommand(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.commands.flatMap(everyCommand)];
}
