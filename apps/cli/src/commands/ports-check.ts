import { exitStatus, formatDuration } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { byteSize, duration, lifetime } from '../option-values.ts';
import type { PortsCheckOptions } from '../ports/check.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

/** Long enough to walk to the other computer. */
const listenMs = 15 * 60_000;

/** `holdfast ports check`: whether two computers can reach each other as planned, before anything of Holdfast runs there. */
export function registerPortsCheck(ports: Command): void {
  const command = ports
    .command('check')
    .description('try every opening of the plan from this computer, and say what is wrong with those that fail')
    .argument('<topology>', 'topology file; the same one at both ends')
    .requiredOption('--host <name>', 'this computer, as the topology names it')
    .requiredOption('--secret-file <file>', 'random text that both ends have: openssl rand -base64 32 > FILE')
    .option('--listen', 'be the other end: wait on the ports of this computer whose service does not run')
    .addOption(
      new Option('--for <duration>', 'with --listen: so long')
        .argParser(lifetime)
        .default(listenMs, formatDuration(listenMs)),
    )
    .option('--all-ports', 'every port of a range, not only a sample')
    .option('--payload <size>', 'so much each way over one port of each opening (default: 256k)', byteSize)
    .option('--idle <duration>', 'also measure whether idle connections live so long', duration)
    .option('--cacert <file>', 'CA certificate (PEM) of the installation: judges services that run already')
    .option('--include-planned', 'also what this version does not make yet');
  addOutputOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  store-1$ holdfast ports check topology.yaml --listen --host store-1 --secret-file secret
  web-1$   holdfast ports check topology.yaml --host web-1 --secret-file secret
  web-1$   holdfast ports check topology.yaml --host web-1 --secret-file secret --all-ports --idle 10m

Run the first on every computer that web-1 has to reach. Both ends prove over TLS that they have the secret, so that a
device that answers in the place of the other is noticed. Where the service itself runs already, its own handshake is tried.
Computers that are not ours are only connected to; UDP is not checked.

Exit status: ${exitStatus.success} everything passes; ${exitStatus.failed} something is blocked or wrong; ${exitStatus.incomplete} only warnings (NAT, names that disagree, an idle
time-out that Holdfast outlives); ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action((topology: string, options: PortsCheckOptions) =>
      perform(options, async (work) => (await import('../ports/check.ts')).portsCheck(topology, options, work)),
    );
}
