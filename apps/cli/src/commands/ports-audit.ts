import { exitStatus } from '@holdfast/core';
import { type Command, Option } from 'commander';
import type { PortsAuditOptions } from '../ports/audit.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** `holdfast ports audit`: what is really open on this computer, against the plan. */
export function registerPortsAudit(ports: Command): void {
  const command = ports
    .command('audit')
    .description("compare this computer's sockets and its own firewall with the plan")
    .argument('<topology>', 'topology file')
    .option('--host <name>', 'which host of the topology this computer is (default: the one with its addresses)')
    .addOption(
      new Option('--otherwise <what>', 'what the firewall should do with everything else')
        .choices(['drop', 'leave'])
        .default('drop'),
    )
    .option('--unused', 'also openings through which no packet has come since the rules were loaded')
    .option('--include-planned', 'also what this version does not make yet');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ sudo holdfast ports audit topology.yaml
  $ sudo holdfast ports audit topology.yaml --host store-1 --unused --json

Linux only, as root. The firewall is read back from the kernel, as nft and iptables-save show it (that includes what firewalld
and ufw made), and the packets that the plan allows, and those beside them, are tried in those rules: missing openings, rules
that let through more than planned, rules for something else. Nothing is changed and nothing is sent. Sockets: services that do
not listen, other programs on ports of ours, processes of Holdfast on unplanned ports, and connections with strangers.

Exit status: ${exitStatus.success} nothing is wrong; ${exitStatus.failed} findings, or the firewall could not be read; ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action((topology: string, options: PortsAuditOptions) =>
      perform(options, async (work) => (await import('../ports/audit.ts')).portsAudit(topology, options, work)),
    );
}
