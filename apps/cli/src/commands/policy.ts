import { exitStatus } from '@holdfast/core';
import type { PolicyComputer } from '@holdfast/protocol';
import type { Command } from 'commander';
import { registerJobCommands } from '../managed/job-commands.ts';
import { policyKind } from '../managed/job-kinds.ts';
import { jobText } from '../managed/job-text.ts';
import { chooseOfKind } from '../managed/names.ts';
import { performWithServer } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

/** `holdfast policy`: backups that agents run by themselves, also while no server is there. */
export function registerPolicy(program: Command): void {
  const policies = registerJobCommands(program, policyKind, {
    description: 'backups that agents run by themselves, also while the server is away',
    examples,
  });
  addServerOptions(policies.command('show').description('all of a policy, and how it goes on each of its computers'))
    .argument('<name>', 'name or id of the policy')
    .addHelpText('after', `\nExample:\n  $ holdfast policy show homes\n${serverHelp}`)
    .action((text: string, options: ServerOptions) =>
      performWithServer(options, async ({ client, signal }) => {
        const policy = await chooseOfKind(policyKind, { client, signal, text });
        const computers = await client.list('policyComputers', { params: { id: policy.id }, signal });
        if (options.json) await printJson({ kind: 'policy', policy, computers });
        else await printText(`${await jobText('policy', policy, { client, signal })}\n${computersTable(computers)}`);
        return exitStatus.success;
      }),
    );
}

const examples = `Examples:
  $ holdfast policy create homes /home --group laptops --mover store --schedule 'daily 12:00' --keep-days 30
  $ holdfast policy create all / --agent web1 --repository laptops -x -e '*.tmp' --schedule 'every 4h'

The agents get it at their next contact with the server, each with a grant that is good for 30 days and that every contact
renews: so long they go on without the server. What they did meanwhile they report afterwards.`;

function computersTable(computers: readonly PolicyComputer[]): string {
  const time = (at: string | undefined): string => (at === undefined ? '' : shownTime(at));
  const rows = computers.map(({ agentId, hostname, handedOutAt, grantExpiresAt, lastRun }) => [
    hostname,
    handedOutAt === undefined ? 'not yet' : time(handedOutAt),
    time(grantExpiresAt),
    lastRun ? `${lastRun.state} ${time(lastRun.endedAt ?? lastRun.startedAt)}` : '',
    agentId,
  ]);
  return table([['Computer', 'Has it since', 'Grant until', 'Last run', 'Id'], ...rows]);
}
