import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RestClient } from '@holdfast/protocol';
import { connectServer } from '../managed/server-connection.ts';
import { startCli } from './run-cli.ts';

export interface RunningSystem extends AsyncDisposable {
  /** The data directory of `holdfast up`. */
  readonly data: string;
  readonly client: RestClient;
  /** The process of `holdfast up`. */
  readonly pid: number;
}

const portsOf = (port: number | { from: number; to: number }, ...channels: string[]) =>
  Object.fromEntries(channels.map((channel) => [channel, port]));

/** Five ports from `firstPort` on and a hundred for data, apart from the contract's. */
export function portsApart({ firstPort, firstDataPort }: { firstPort: number; firstDataPort: number }) {
  const data = { from: firstDataPort, to: firstDataPort + 99 };
  return {
    ...portsOf(firstPort, 'client-to-server'),
    ...portsOf(firstPort + 1, 'posix-agent-control', 'enrolment', 'mover-to-server'),
    ...portsOf(firstPort + 2, 'windows-agent-control', 'windows-enrolment'),
    ...portsOf(
      firstPort + 3,
      ...['server-to-mover', 'agent-to-mover-transport', 'client-to-mover'],
      ...['server-to-agent-transport', 'mover-to-agent-transport'],
    ),
    ...portsOf(firstPort + 4, 'recovery-media-credential-sign-in'),
    ...portsOf(data, 'agent-to-mover-data', 'agent-local-data', 'server-to-agent-data'),
  };
}

/** `holdfast up` on ports apart from the contract's, from `firstPort` on; one that is taken all the same falls back to a free one. */
export async function startSystem(folder: string, firstPort: number): Promise<RunningSystem> {
  const data = join(folder, 'data');
  const config = join(folder, 'config.json');
  const ports = portsApart({ firstPort, firstDataPort: 23_200 });
  writeFileSync(config, JSON.stringify({ ports }));
  await using started = new AsyncDisposableStack();
  const { child } = startCli(['up', '--data', data, '--config', config]);
  const exited = once(child, 'exit');
  started.defer(async () => {
    child.kill('SIGINT');
    await exited;
  });
  assert.ok(child.stderr && child.pid !== undefined);
  const said: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    if (line.startsWith('Running until')) break;
  }
  assert.match(said.at(-1) ?? '', /^Running until/, said.join('\n'));
  child.stderr.resume();
  const client = await connectServer({ data }, started);
  const resources = started.move();
  return { data, client, pid: child.pid, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}
