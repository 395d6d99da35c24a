import { exitStatus } from '@holdfast/core';
import type { Approval } from '@holdfast/protocol';
import type { Command } from 'commander';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

/** `holdfast approvals`: what waits for a second administrator. */
export function registerApprovals(program: Command): void {
  const approvals = program.command('approvals').description('what waits for a second administrator (four eyes)');

  addServerOptions(approvals.command('list').description('what waits, or all that was asked for'))
    .option('--all', 'also what was decided or has expired')
    .addHelpText('after', `\nExample:\n  $ holdfast approvals list\n${serverHelp}`)
    .action((options: ServerOptions & { readonly all?: boolean }) =>
      performWithServer(options, async ({ client, signal }) => {
        const found = (await client.call('approvals', { query: { only: options.all ? 'all' : 'waiting' }, signal }))
          .approvals;
        if (options.json) await printJson({ kind: 'approvals', approvals: found });
        else {
          const rows = found.map((one) => [
            one.action,
            Object.entries(one.request)
              .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
              .join(' '),
            one.requestedBy,
            one.state,
            shownTime(one.decidedAt ?? one.expiresAt),
            one.id,
          ]);
          await printText(table([['Action', 'With', 'Asked for by', 'State', 'Decided or until', 'Id'], ...rows]));
        }
        return exitStatus.success;
      }),
    );

  const decisions = [
    { command: 'approve', route: 'approveRequest', text: 'agree; the action is done now, as it was asked for' },
    { command: 'reject', route: 'rejectRequest', text: 'refuse' },
    { command: 'withdraw', route: 'withdrawRequest', text: 'take back what you asked for' },
  ] as const;
  for (const { command, route, text } of decisions)
    addServerOptions(
      approvals.command(command).description(text).argument('<id>', 'as `holdfast approvals list` prints it'),
    )
      .addHelpText('after', `\nExample:\n  $ holdfast approvals ${command} 6f1c2a34-…\n${serverHelp}`)
      .action((id: string, options: ServerOptions) =>
        performWithServer(options, async (work) => {
          const { client, signal } = work;
          return show(await client.call(route, { params: { id }, signal }), options, work);
        }),
      );
}

async function show(approval: Approval, options: ServerOptions, { view }: ServerWork) {
  if (options.json) await printJson({ kind: 'approval', approval });
  else await printText(`${approval.action} of ${approval.requestedBy}: ${approval.state}.\n`);
  if (approval.error) view.note(`Warning: it was agreed to, and refused when it was done: ${approval.error.message}`);
  return approval.state === 'failed' ? exitStatus.failed : exitStatus.success;
}
