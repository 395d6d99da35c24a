import { exitStatus } from '@holdfast/core';
import type { Command } from 'commander';
import { wholeNumber } from '../option-values.ts';
import type { PortsProveOptions } from '../ports/prove.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast ports prove`: that the rules of a topology are enough, and that each is needed. */
export function registerPortsProve(ports: Command): void {
  const command = ports
    .command('prove')
    .description('build the topology on this computer, and prove that its rules are enough and that each is needed')
    .argument('<topology>', 'topology file; `holdfast ports init` writes one')
    .option('--out <file>', 'write the whole result there, as JSON')
    .option('--matrix <file>', 'write the matrix of rules and scenarios there, as Markdown, instead of printing it')
    .option(
      '--labs <n>',
      'labs that stand side by side (default: by the processors and the free memory)',
      wholeNumber(1, 32),
    )
    .option('--only <rule...>', 'take only these rules away, not every one')
    .option('--keep', "keep the folder with the lab's logs");
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ sudo holdfast ports prove topology.yaml
  $ sudo holdfast ports prove topology.yaml --matrix proof.md --out proof.json

Every computer of the topology becomes a network namespace of this one, with exactly the planned rules, and the real programs
run in them; nothing of it touches the network. All scenarios run with all rules, and again without each of them: that takes
some minutes for each ten rules. Needs Linux, root, ip and nft.

Exit status: ${exitStatus.success} the proof holds; ${exitStatus.failed} it does not, or the lab failed; ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action((topology: string, options: PortsProveOptions) =>
      perform(options, async (work) => (await import('../ports/prove.ts')).portsProve(topology, options, work)),
    );
}
