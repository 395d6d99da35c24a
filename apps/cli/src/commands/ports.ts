import { exitStatus } from '@holdfast/core';
import { type Command, Option } from 'commander';
import type { PortsPlanOptions } from '../ports/plan.ts';
import { registerPortsAudit } from './ports-audit.ts';
import { registerPortsCheck } from './ports-check.ts';
import { registerPortsInit } from './ports-init.ts';
import { registerPortsProve } from './ports-prove.ts';

/** `holdfast ports`: the contract, for people and for machines. */
export function registerPorts(program: Command): void {
  const ports = program
    .command('ports')
    .description('the network contract: who connects to whom, on which port, for what');

  ports
    .command('list')
    .description('the channels: every connection that Holdfast makes or accepts')
    .option('--role <role>', 'only the channels of a role, to or from it, for example agent-linux')
    .option('--json', 'a JSON array, one entry a line')
    .action(async ({ role, json }: { role?: string; json?: boolean }) => {
      const { listChannels, renderChannelTable, renderJsonLines } = await import('@holdfast/contract');
      process.stdout.write(
        json
          ? renderJsonLines(listChannels(role))
          : renderChannelTable({ ...width(), ...(role === undefined ? {} : { role }) }),
      );
    });

  ports
    .command('rows')
    .description('the rows of the port documents that the contract covers, and whether each is live')
    .option('--json', 'a JSON array, one entry a line')
    .action(async ({ json }: { json?: boolean }) => {
      const { listRows, renderJsonLines, renderRowTable } = await import('@holdfast/contract');
      process.stdout.write(json ? renderJsonLines(listRows()) : renderRowTable());
    });

  registerPlan(ports);
  registerPortsAudit(ports);
  registerPortsCheck(ports);
  registerPortsInit(ports);
  registerPortsProve(ports);
}

/** `holdfast ports plan`: what a topology has to open. */
function registerPlan(ports: Command): void {
  ports
    .command('plan')
    .description('the openings that a topology needs: for people, as firewall rules, or as a change request')
    .argument('<topology>', 'topology file; `holdfast ports init` writes one')
    .option('--why <host:port>', 'explain one opening: channels, rows, and what stops without it')
    .option('--diff <topology>', 'openings added and removed since that older topology')
    .option('--what-if <close=host:port>', 'what stops, or falls back and to what, if that is closed')
    .addOption(
      new Option('--dial <style>', "plan another way of dialling than the topology's, or compare all").choices([
        'classic',
        'outbound-only',
        'single-port',
        'compare',
      ]),
    )
    .option('--include-planned', 'also what this version does not make yet')
    .option('--format <target>', 'render for a target; an unknown one prints the list')
    .option('--out <folder>', 'write what is rendered there')
    .option('--host <name>', 'render for this host only')
    .option('--zone <name...>', 'render for hosts of these zones only (clouds and clusters)')
    .addOption(
      new Option('--otherwise <what>', 'what becomes of everything else').choices(['drop', 'leave']).default('drop'),
    )
    .option('--leases', 'leave what only sessions need to leases (nftables, firewalld)')
    .option('--accept-widening', 'exit 0 although the target opens more than the plan')
    .option('--owner <name>', 'who answers for the openings, for change requests')
    .option('--expires <day>', 'the last day, 2027-06-30, for change requests')
    .option('--json', 'the answer as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast ports plan topology.yaml
  $ holdfast ports plan topology.yaml --why store-1:6162
  $ holdfast ports plan topology.yaml --what-if close=store-1:2500-3300
  $ holdfast ports plan topology.yaml --diff last-year.yaml
  $ holdfast ports plan topology.yaml --dial compare
  $ holdfast ports plan topology.yaml --format nftables --out rules

Exit status: ${exitStatus.success} done; ${exitStatus.failed} nothing opens what --why asks for; ${exitStatus.usage} the topology or an option is wrong; ${exitStatus.incomplete} the target
opens more than the plan (standard error names each; --accept-widening makes it ${exitStatus.success}).
`,
    )
    .action(async (topology: string, options: PortsPlanOptions) => {
      const { portsPlan } = await import('../ports/plan.ts');
      process.exitCode = await portsPlan(topology, options);
    });
}

function width(): { readonly columns?: number } {
  return process.stdout.columns ? { columns: process.stdout.columns } : {};
}
