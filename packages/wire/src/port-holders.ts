import { readdir, readFile, readlink } from 'node:fs/promises';
import { maxListedHolders } from './limits.ts';

/** Who listens on which port of this computer, in words, for the error that says that a port is taken. */

/** What a socket of another user, or of another system than Linux, can be called. */
const unknownHolder = 'a process that cannot be seen from here';

/** Inodes of the sockets that listen on the ports: `/proc/net/tcp` and `tcp6`, state 0A. */
async function listeningInodes(ports: ReadonlySet<number>): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
      if (fields[3] === '0A' && ports.has(port) && fields[9]) found.set(fields[9], port);
    }
  }
  return found;
}

async function listOrNothing(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}

/** One entry per port: `6184 by node (pid 41)`. Only Linux tells; elsewhere, and for other users' processes, it says so. */
export async function describeHolders(ports: readonly number[], platform: NodeJS.Platform): Promise<string> {
  const listed = ports.slice(0, maxListedHolders);
  const holders = new Map<number, string>();
  if (platform === 'linux') {
    const inodes = await listeningInodes(new Set(listed));
    for (const port of listed) {
      if (![...inodes.values()].includes(port)) {
        holders.set(port, 'a socket that does not listen: an outgoing connection, or a port bound and not yet used');
      }
    }
    for (const pid of inodes.size === 0 ? [] : await listOrNothing('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      for (const fd of await listOrNothing(`/proc/${pid}/fd`)) {
        const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
        const port = inodes.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '');
        if (port === undefined) continue;
        const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
        holders.set(port, `${name.trim()} (pid ${pid})`);
      }
    }
  }
  const text = listed.map((port) => `${port} by ${holders.get(port) ?? unknownHolder}`).join(', ');
  return listed.length < ports.length ? `${text} and ${ports.length - listed.length} more` : text;
}
