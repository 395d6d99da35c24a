import type { Command } from 'commander';
import { defaultDataDirectory } from '../data-directory.ts';
import type { PanelOptions } from '../roles/panel.ts';
import { addOutputOptions, exitStatusHelp } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast panel`: the way into the control panel of this computer. */
export function registerPanel(program: Command): void {
  addOutputOptions(program.command('panel').description("a link to this computer's control panel, for a browser on it"))
    .option(
      '--data <directory>',
      `where the agent of this computer keeps its state (default: ${defaultDataDirectory()}/agent)`,
    )
    .addHelpText(
      'after',
      `
The agent has the panel on the loopback interface (127.0.0.1, port 9395 to 9404), where no other computer reaches it. The link
is good once, for five minutes, and needs the right to read the agent's data directory: others on this computer get none.

Examples:
  $ sudo holdfast panel
  laptop$ ssh -L 9395:127.0.0.1:9395 server1 sudo holdfast panel     on another computer: the same link works there

JSON: {kind: "panel", url, port, expiresAt}
${exitStatusHelp}`,
    )
    .action((options: PanelOptions) =>
      perform(options, async (work) => (await import('../roles/panel.ts')).showPanelLink(options, work)),
    );
}
