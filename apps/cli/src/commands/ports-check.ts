import { exitStatus, formatDuration, HoldfastError } from '@holdfast/core';
import { type Command, Option } from 'commander';
import { addServerPlace, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { byteSize, duration, lifetime } from '../option-values.ts';
import type { PortsCheckOptions } from '../ports/check.ts';
import type { FleetCheckOptions } from '../ports/check-fleet.ts';
import { type FleetWorkChoice, requireFleet, requireOneChoice } from '../ports/fleet-choice.ts';
import { addOutputOptions } from '../stand-alone/repository-options.ts';
import { perform } from '../work.ts';

type CheckOptions = Omit<PortsCheckOptions, 'host' | 'secretFile'> &
  FleetWorkChoice &
  ServerOptions & { readonly fleet?: boolean; readonly host?: string; readonly secretFile?: string };

/** Long enough to walk to the other computer. */
const listenMs = 15 * 60_000;

/** `holdfast ports check`: whether two computers can reach each other as planned, before anything of Holdfast runs there. */
export function registerPortsCheck(ports: Command): void {
  const command = ports
    .command('check')
    .description('try every opening of the plan, and say what is wrong with those that fail')
    .argument('[topology]', "topology file; with --fleet the server's own inventory unless given")
    .option('--fleet', 'have the backup server try it from every computer that has joined it')
    .option('--host <name>', 'this computer, as the topology names it; with --fleet: only from and to it (a,b,c)')
    .option('--secret-file <file>', 'random text that both ends have: openssl rand -base64 32 > FILE')
    .option('--listen', 'be the other end: wait on the ports of this computer whose service does not run')
    .addOption(
      new Option('--for <duration>', 'with --listen: so long')
        .argParser(lifetime)
        .default(listenMs, formatDuration(listenMs)),
    )
    .option('--all-ports', 'every port of a range, not only a sample')
    .option(
      '--payload <size>',
      'so much each way over one port of each opening (default: 256k; with --fleet 64k)',
      byteSize,
    )
    .option('--idle <duration>', 'also measure whether idle connections live so long', duration)
    .option('--cacert <file>', 'CA certificate (PEM) of the installation: judges services that run already')
    .option('--include-planned', 'also what this version does not make yet');
  addServerPlace(addOutputOptions(command))
    .option('--data <directory>', 'with --fleet: data directory of `holdfast up` on this computer')
    .option('--list', 'with --fleet: the checks since the server started')
    .option('--follow [id]', 'with --fleet: show one that was begun before (default: the newest)')
    .option('--cancel [id]', 'with --fleet: end one that runs (default: the newest)')
    .addHelpText(
      'after',
      `
Examples:
  store-1$ holdfast ports check topology.yaml --listen --host store-1 --secret-file secret
  web-1$   holdfast ports check topology.yaml --host web-1 --secret-file secret
  web-1$   holdfast ports check topology.yaml --host web-1 --secret-file secret --all-ports --idle 10m
  server$  holdfast ports check --fleet
  server$  holdfast ports check topology.yaml --fleet --host store-1
  server$  holdfast ports check --fleet --follow

Run the first on every computer that web-1 has to reach. Both ends prove over TLS that they have the secret, so that a
device that answers in the place of the other is noticed. Where the service itself runs already, its own handshake is tried.
Computers that are not ours are only connected to; UDP is not checked.

With --fleet every agent and mover that has joined the server tries what it would dial, and waits on its own data ports for
those that dial it, with a secret of the server's for each pair; Ctrl-C ends the check everywhere. A check that nobody watches
any more (the terminal was closed) goes on: --follow shows it again, --cancel ends it. Runs that begin during --all-ports find no
free data port and go over 6162.
${serverHelp}

Exit status: ${exitStatus.success} everything passes; ${exitStatus.failed} something is blocked or wrong; ${exitStatus.incomplete} only warnings (NAT, names that disagree, an idle
time-out that Holdfast outlives) or, in a fleet, openings that could not be tried; ${exitStatus.usage} the topology or an option is wrong.
`,
    )
    .action(async (topology: string | undefined, options: CheckOptions) => {
      if (options.fleet) return await checkFleet(topology, options);
      requireFleet(options);
      const { host, secretFile } = options;
      if (topology === undefined || host === undefined || secretFile === undefined)
        throw new HoldfastError('usage.option', {
          message:
            'A check between two computers takes the topology, --host and --secret-file; one of the fleet takes --fleet.',
        });
      return await perform(options, async (work) =>
        (await import('../ports/check.ts')).portsCheck(topology, { ...options, host, secretFile }, work),
      );
    });
}

async function checkFleet(topology: string | undefined, options: CheckOptions): Promise<void> {
  if (options.listen || options.secretFile !== undefined)
    throw new HoldfastError('usage.option', {
      message: '--fleet needs neither --listen nor --secret-file: the server sees to both.',
    });
  requireOneChoice(options, topology);
  const { performWithServer } = await import('../managed/perform-with-server.ts');
  const { host, ...rest } = options;
  const asked: FleetCheckOptions & ServerOptions = {
    ...rest,
    ...(host === undefined ? {} : { host: host.split(',') }),
  };
  await performWithServer(asked, async (work) =>
    (await import('../ports/check-fleet.ts')).checkFleet(topology, asked, work),
  );
}
