import { type CommandNode, everyCommand } from './command-tree.ts';

/** What a completion knows, whatever the shell: it follows the words that are commands, and offers what may come there. */
export interface Completion {
  /** From one command to the next: `holdfast jobs` is `holdfast job`. */
  readonly steps: readonly { readonly seen: readonly string[]; readonly at: string }[];
  /** Behind `command:option`; without choices a file. */
  readonly values: readonly { readonly behind: readonly string[]; readonly choices: readonly string[] }[];
  readonly places: readonly {
    readonly at: string;
    /** Where there are none, files. */
    readonly words: readonly Word[];
    readonly options: readonly Word[];
  }[];
}

export interface Word {
  readonly text: string;
  /** On one line. */
  readonly description: string;
}

export function completionOf(root: CommandNode): Completion {
  const all = everyCommand(root);
  const at = ({ path }: CommandNode): string => path.join(' ');
  const behind = all.flatMap((node) =>
    node.options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ flags, choices }) => flags.map((flag) => ({ place: `${at(node)}:${flag}`, choices }))),
  );
  const byChoices = Map.groupBy(behind, ({ choices }) => choices.join(' '));
  return {
    steps: all.flatMap((node) =>
      node.commands.map((below) => ({ seen: below.names.map((name) => `${at(node)} ${name}`), at: at(below) })),
    ),
    values: [...byChoices].map(([choices, places]) => ({
      behind: places.map(({ place }) => place),
      choices: choices === '' ? [] : choices.split(' '),
    })),
    places: all.map((node) => ({
      at: at(node),
      words: [
        ...node.commands.map(({ path, description }) => ({ text: path.at(-1) ?? '', description: line(description) })),
        ...node.choices.map((text) => ({ text, description: '' })),
      ],
      options: node.options.flatMap(({ flags, description }) =>
        flags.map((text) => ({ text, description: line(description) })),
      ),
    })),
  };
}

const line = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** As one word, for bash and zsh. */
export const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
