import { type ExitStatus, exitStatus, formatBytes, oneLine } from '@holdfast/core';
import type { Command } from 'commander';
import { performWithServer, type ServerWork } from '../managed/perform-with-server.ts';
import { addServerOptions, type ServerOptions, serverHelp } from '../managed/server-options.ts';
import { setUpText } from '../managed/set-up-text.ts';
import { printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';

/** `holdfast status` and `channel-use`: what the server is and does. */
export function registerStatus(program: Command): void {
  addServerOptions(program.command('status').description('the server: version, ports, computers, what runs now'))
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast status\n  $ holdfast status --server backup.example --token-file token --cacert ca.pem --json\n${serverHelp}`,
    )
    .action((options: ServerOptions) => performWithServer(options, (work) => showStatus(options, work)));

  addServerOptions(program.command('health').description('how each part of the server is, and since when'))
    .addHelpText(
      'after',
      `\nThe exit status is 0 when all is well, 3 with warnings, 1 when something has failed.\n\nExamples:\n  $ holdfast health\n  $ holdfast health --json\n${serverHelp}`,
    )
    .action((options: ServerOptions) => performWithServer(options, (work) => showHealth(options, work)));

  addServerOptions(
    program
      .command('set-up-link')
      .description('the link to make the first administrator in a browser, on a server that has no account yet'),
  )
    .addHelpText(
      'after',
      `\nThe link is good for an hour at least, and once. It needs the admin-token, which is on the computer of the server.\n\nExamples:\n  $ holdfast set-up-link\n  $ holdfast set-up-link --server localhost --token-file /var/lib/holdfast/admin-token --cacert /var/lib/holdfast/ca.pem\n${serverHelp}`,
    )
    .action((options: ServerOptions) => performWithServer(options, (work) => showSetUpLink(options, work)));

  addServerOptions(
    program.command('channel-use').description('how much each channel of the network contract was used, by process'),
  )
    .addHelpText(
      'after',
      `\nExamples:\n  $ holdfast channel-use\n  $ holdfast channel-use --json\n\n\`holdfast ports list\` explains the channels.\n${serverHelp}`,
    )
    .action((options: ServerOptions) => performWithServer(options, (work) => showChannelUse(options, work)));
}

async function showStatus(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const [status, computers, { runs }] = await Promise.all([
    client.call('status', { signal }),
    client.list('computers', { signal }),
    client.call('runs', { query: { limit: 100 }, signal }),
  ]);
  const working = runs.filter(({ state }) => state === 'running' || state === 'queued');
  if (options.json) {
    await printJson({ kind: 'status', server: status, computers, runs: working });
    return exitStatus.success;
  }
  const hostOf = new Map(computers.map(({ id, hostname }) => [id, hostname]));
  const count = (role: string, state: string): number =>
    computers.filter((computer) => computer.role === role && computer.state === state).length;
  const ports = status.listening.map(({ channel, address, port, reason }) => [
    channel,
    `${address}:${port}`,
    reason ?? '',
  ]);
  const lines = [
    `Holdfast ${status.productVersion}, installation ${status.installation}, running since ${shownTime(status.startedAt)}`,
    `CA fingerprint ${status.caFingerprint}`,
    ...kitLine(status.recoveryKit),
    `Agents: ${count('agent', 'online')} online, ${count('agent', 'offline')} offline. Movers: ${count('mover', 'online')} online, ${count('mover', 'offline')} offline.`,
  ];
  await printText(
    `${lines.join('\n')}\n\n${table([['Channel', 'Listening on', 'Why not the usual port'], ...ports])}\n`,
  );
  const rows = working.map(({ id, kind, state, agentId, progress }) => [
    id,
    kind,
    hostOf.get(agentId) ?? agentId,
    state,
    progress ? `${progress.phase} ${formatBytes(progress.bytesDone)}` : '',
  ]);
  await printText(
    rows.length === 0 ? 'Nothing is running.\n' : table([['Run', 'Kind', 'Agent', 'State', 'Progress'], ...rows]),
  );
  return exitStatus.success;
}

async function showHealth(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const health = await client.call('health', { signal });
  if (options.json) await printJson({ kind: 'health', ...health });
  else {
    const rows = health.components.map(({ component, state, since, reason }) => [
      component,
      state,
      shownTime(since),
      oneLine(reason),
    ]);
    await printText(table([['Part', 'State', 'Since', 'What there is to say'], ...rows]));
  }
  if (health.state === 'failed') return exitStatus.failed;
  return health.state === 'ok' ? exitStatus.success : exitStatus.incomplete;
}

async function showSetUpLink(options: ServerOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const code = await client.call('createSetUpCode', { signal });
  if (options.json) await printJson({ kind: 'set-up-link', ...code });
  else await printText(setUpText(code));
  return exitStatus.success;
}

/** Said as long as it needs somebody to do something. */
function kitLine(state: 'none' | 'unconfirmed' | 'confirmed'): string[] {
  if (state === 'confirmed') return [];
  return [
    state === 'none'
      ? 'Warning: there is no recovery kit. Make one with `holdfast recovery-kit create`, and print it.'
      : 'Warning: nobody has shown yet that the recovery kit is on paper. Do so with `holdfast recovery-kit verify`.',
  ];
}

async function showChannelUse(options: ServerOptions, { client, signal, view }: ServerWork): Promise<ExitStatus> {
  const { processes } = await client.call('channelUse', { signal });
  if (options.json) await printJson({ kind: 'channel-use', processes });
  else {
    const rows = processes.flatMap(({ role, id, channels }) =>
      channels.map((use) => [
        `${role} ${id.slice(0, 8)}`,
        use.channel,
        use.ports.length > 4 ? `${use.ports.slice(0, 3).join(' ')} …` : use.ports.join(' '),
        String(use.connectionsIn),
        String(use.connectionsOut),
        formatBytes(use.bytesIn),
        formatBytes(use.bytesOut),
        use.lastUsedAt === undefined ? '' : shownTime(use.lastUsedAt),
      ]),
    );
    await printText(
      table([['Process', 'Channel', 'Ports', 'In', 'Out', 'Received', 'Sent', 'Last used'], ...rows], {
        right: [3, 4, 5, 6],
      }),
    );
  }
  const silent = processes.flatMap(({ role, id, error }) => (error ? [{ role, id, error }] : []));
  for (const { role, id, error } of silent)
    view.note(`Warning: ${role} ${id.slice(0, 8)} did not answer: ${oneLine(error.message)}`);
  return silent.length === 0 ? exitStatus.success : exitStatus.incomplete;
}
