import type { Command } from 'commander';
import type { GenerateOptions } from '../generate/generate.ts';

/** `holdfast generate`: restic's name for it. */
export function registerGenerate(program: Command): void {
  program
    .command('generate')
    .description('make completions for shells, and manual pages')
    .option('--bash-completion <file>', 'a completion for bash; - prints it')
    .option('--zsh-completion <file>', 'a completion for zsh; - prints it')
    .option('--fish-completion <file>', 'a completion for fish; - prints it')
    .option('--man <folder>', 'a manual page for each command, into a folder that exists')
    .addHelpText(
      'after',
      `
Examples:
  $ source <(holdfast generate --bash-completion -)                              in this shell; in ~/.bashrc for all
  $ holdfast generate --zsh-completion /usr/local/share/zsh/site-functions/_holdfast
  $ holdfast generate --fish-completion ~/.config/fish/completions/holdfast.fish
  $ holdfast generate --man /usr/local/share/man/man1                            then: man holdfast-backup`,
    )
    .action(async (options: GenerateOptions) => (await import('../generate/generate.ts')).generate(options));
}
