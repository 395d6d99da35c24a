import { openSockets } from '@holdfast/firewall/sockets';
import { maxListedHolders } from './limits.ts';

/** Who listens on which port of this computer, in words, for the error that says that a port is taken. */

/** What a socket of another user, or of another system than Linux, can be called. */
const unknownHolder = 'a process that cannot be seen from here';

/** One entry per port: `6184 by node (pid 41)`. Only Linux tells; elsewhere, and for other users' processes, it says so. */
export async function describeHolders(ports: readonly number[], platform: NodeJS.Platform): Promise<string> {
  const listed = ports.slice(0, maxListedHolders);
  const holders = platform === 'linux' ? await listeners(listed) : new Map<number, string>();
  const text = listed.map((port) => `${port} by ${holders.get(port) ?? unknownHolder}`).join(', ');
  return listed.length < ports.length ? `${text} and ${ports.length - listed.length} more` : text;
}

async function listeners(ports: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const wanted = new Set(ports);
  const { sockets } = await openSockets(
    ({ transport, state, local }) => transport === 'tcp' && state === 'listening' && wanted.has(local.port),
  );
  const holders = new Map<number, string>();
  for (const { local, processes } of sockets)
    for (const { name, pid } of processes) holders.set(local.port, `${name} (pid ${pid})`);
  for (const port of ports)
    if (!sockets.some(({ local }) => local.port === port))
      holders.set(port, 'a socket that does not listen: an outgoing connection, or a port bound and not yet used');
  return holders;
}
