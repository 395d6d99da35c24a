import { exitStatus, HoldfastError } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { addServerPlace, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { collect, lifetime } from '../option-values.ts';
import type { PortsAuditOptions } from '../ports/audit.ts';
import type { FleetAuditOptions } from '../ports/audit-fleet.ts';
import { type FleetWorkChoice, requireFleet, requireOneChoice } from '../ports/fleet-choice.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

type AuditOptions = PortsAuditOptions & FleetWorkChoice & ServerOptions & { readonly fleet?: boolean };

/** `holdfast ports audit`: what is really open on this computer, against the plan. */
export function registerPortsAudit(ports: Command): void {
  const command = ports
    .command('audit')
    .description("compare this computer's sockets and its own firewall, or those of the fleet, with the plan")
    .argument('[topology]', "topology file; with --fleet the server's own inventory unless given")
    .option('--fleet', 'have the backup server ask every computer that has joined it')
    .option(
      '--host <name>',
      'which host of the topology this computer is (default: the one with its addresses); with --fleet: only these (a,b,c)',
    )
    .addOption(
      new Option('--otherwise <what>', 'what the firewall should do with everything else')
        .choices(['drop', 'leave'])
        .default('drop'),
    )
    .option('--unused', 'also openings through which no packet has come since the rules were loaded')
    .option('--unused-for <time>', 'also openings that no program of ours has used for so long (30d)', lifetime)
    .option(
      '--counts-in <directory>',
      'with --unused-for: data directory where programs keep their counts (may be repeated; default: the usual one)',
      collect,
    )
    .option('--include-planned', 'also what this version does not make yet');
  addServerPlace(addOutputOptions(command))
    .option('--cacert <file>', "with --fleet: the server's CA certificate (PEM)")
    .option('--data <directory>', 'with --fleet: data directory of `holdfast up` on this computer')
    .option('--list', 'with --fleet: the audits since the server started')
    .option('--follow [id]', 'with --fleet: show one that was begun before (default: the newest)')
    .option('--cancel [id]', 'with --fleet: end one that runs (default: the newest)')
    .addHelpText(
      'after',
      `
Examples:
  $ sudo holdfast ports audit topology.yaml
  $ sudo holdfast ports audit topology.yaml --host store-1 --unused --json
  $ sudo holdfast ports audit topology.yaml --unused-for 30d
  server$ holdfast ports audit topology.yaml --fleet

Linux only, as root. The firewall is read back from the kernel, as nft and iptables-save show it (that includes what firewalld
and ufw made), and the packets that the plan allows, and those beside them, are tried in those rules: missing openings, rules
that let through more than planned, rules for something else. Nothing is changed and nothing is sent. Sockets: services that do
not listen, other programs on ports of ours, processes of Holdfast on unplanned ports, and connections with strangers.

--unused counts packets in the firewall, which begins anew with every loading of the rules. --unused-for asks what server, mover
and agent have counted by channel, over restarts; where they have not counted for so long yet it says so. Channels are counted,
not peers: an opening for several computers is used if one of them uses it.

With --fleet every computer's agent (else its mover) does the same there; one that may not read the firewall says so. The
server's own inventory knows nothing of what else must stay open (ssh …), so that a topology with \`allow:\` says more.
${serverHelp}

Exit status: ${exitStatus.success} nothing is wrong; ${exitStatus.failed} findings, or the firewall could not be read; ${exitStatus.incomplete} no findings, but
not every computer of the fleet could be audited; ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action(async (topology: string | undefined, options: AuditOptions) => {
      if (options.countsIn !== undefined && (options.fleet || options.unusedFor === undefined))
        throw new HoldfastError('usage.option', {
          message: '--counts-in is for --unused-for on this computer.',
        });
      if (options.fleet) return await auditFleet(topology, options);
      requireFleet(options);
      if (topology === undefined)
        throw new HoldfastError('usage.option', {
          message: 'An audit of this computer takes a topology; one of the fleet takes --fleet.',
        });
      return await perform(options, async (work) =>
        (await import('../ports/audit.ts')).portsAudit(topology, options, work),
      );
    });
}

async function auditFleet(topology: string | undefined, options: AuditOptions): Promise<void> {
  requireOneChoice(options, topology);
  const { performWithServer } = await import('../managed/perform-with-server.ts');
  const { host, ...rest } = options;
  const asked: FleetAuditOptions & ServerOptions = {
    ...rest,
    ...(host === undefined ? {} : { host: host.split(',') }),
  };
  await performWithServer(asked, async (work) =>
    (await import('../ports/audit-fleet.ts')).auditFleet(topology, asked, work),
  );
}
