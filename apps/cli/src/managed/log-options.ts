import { type Command, Option } from 'commander';
import type { LogOptions } from './run-log-text.ts';

export interface ShowLogOptions extends LogOptions {
  readonly follow?: boolean;
}

export function addLogOptions(command: Command): Command {
  return command
    .option('--follow', 'go on with new lines until it has ended')
    .addOption(
      new Option('--level <level>', 'these lines and graver ones')
        .choices(['info', 'warning', 'error'])
        .default('info'),
    );
}
