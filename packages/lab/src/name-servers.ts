import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import type { LabHost } from './host.ts';
import { readyLimitMs } from './limits.ts';
import type { HostPlace, LabNetwork } from './network.ts';

/** Whether the host is a name server that a lab builds. */
export function isNameServer({ roles, addresses }: PlannedHost): boolean {
  return roles.includes('dns-server') && addresses.length > 0;
}

/** Where the name servers of a plan stand. */
export function nameServerPlacesOf({ hosts }: Plan): readonly HostPlace[] {
  return hosts.filter(isNameServer).map(({ name, zone, addresses }) => ({ name, zone, addresses }));
}

/**
 * Real name servers (dnsmasq) that know the names of a plan's computers, which ask them and nobody else. To be started before
 * anything that asks.
 */
export class NameServers implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];
  readonly #folders: string[] = [];
  readonly #said: string[] = [];

  /** @throws `lab.impossible` when one does not start. */
  static async start(network: LabNetwork, plan: Plan): Promise<NameServers> {
    await using stack = new AsyncDisposableStack();
    const started = stack.use(new NameServers());
    const servers = plan.hosts.filter(isNameServer);
    const managed = plan.hosts.filter((host) => host.managed);
    for (const { name } of servers) await started.#start(network.host(name), managed.flatMap(recordsOf));
    if (servers.length > 0) for (const { name } of managed) await started.#use(network.host(name), servers);
    // From here on the caller ends them.
    stack.move();
    return started;
  }

  /** What they were asked and have answered, one line each. */
  get log(): string {
    return this.#said.join('');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  async #start({ namespace, name, addresses }: LabHost, records: readonly string[]): Promise<void> {
    const child = namespace.spawn('dnsmasq', [
      ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--log-queries', '--bind-interfaces'],
      ...addresses.map((address) => `--listen-address=${address}`),
      ...records,
    ]);
    this.#children.push(child);
    const started = Promise.withResolvers<void>();
    const fail = (): void =>
      started.reject(
        new HoldfastError('lab.impossible', {
          message: `The name server ${name} did not start: ${this.log.trim()}`,
          guidance: 'It needs the program dnsmasq (package dnsmasq-base); or leave name servers out of the topology.',
        }),
      );
    const limit = setTimeout(fail, readyLimitMs);
    // After the last of what it said.
    child.once('close', fail);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said.push(text);
      if (text.includes('started')) started.resolve();
    });
    try {
      await started.promise;
    } finally {
      clearTimeout(limit);
    }
  }

  /** Writes what ip-netns(8) puts in the place of the files in /etc, for programs that it starts there. */
  async #use({ namespace }: LabHost, servers: readonly PlannedHost[]): Promise<void> {
    const folder = join('/etc/netns', namespace.name);
    this.#folders.push(folder);
    await mkdir(folder, { recursive: true });
    const addresses = servers.flatMap((server) => server.addresses);
    await writeFile(join(folder, 'resolv.conf'), addresses.map((address) => `nameserver ${address}\n`).join(''));
    await writeFile(join(folder, 'hosts'), '127.0.0.1 localhost\n');
    await writeFile(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
  }
}

/**
 * Each name leads to its address over four others of 120 characters: an answer that follows them has no room in the 512 bytes of
 * UDP (RFC 1035, 4.2.1), so that both ways to ask are used.
 */
function recordsOf({ names, addresses }: PlannedHost): readonly string[] {
  const [address] = addresses;
  if (address === undefined) return [];
  return names.flatMap((name) => {
    const aliases = ['a', 'b', 'c', 'd'].map((letter) => `${`${letter.repeat(60)}.`.repeat(2)}${name}`);
    const chain = [name, ...aliases];
    return [
      `--local=/${name}/`,
      ...aliases.map((alias, index) => `--cname=${chain[index]},${alias}`),
      `--host-record=${aliases.at(-1)},${address}`,
    ];
  });
}
