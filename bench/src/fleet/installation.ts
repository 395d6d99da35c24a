import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '@holdfast/core';
import { freeRange } from '@holdfast/core/testing';
import { sharedFiles, TestServer } from '@holdfast/server/testing';
import { z } from 'zod';
import type { MoverOrder, ServerOrder } from './messages.ts';
import { Worker } from './processes.ts';

/** An installation with its fleet: what is made once, and measured as often as one likes. */
const installationFile = z.object({
  serverId: z.string(),
  caFingerprint: z.string(),
  ports: z.object({ rest: z.number(), control: z.number(), mover: z.number() }),
  jobId: z.string(),
  agents: z.array(
    z.object({ id: z.string(), certificatePem: z.string(), privateKeyPem: z.string(), caPem: z.string() }),
  ),
});
export type Installation = z.infer<typeof installationFile> & { readonly folder: string };

const host = '127.0.0.1';
const enrolledAtOnce = 8;
/** The server takes 300 enrolments of one address in a minute, and all of these come from one. */
const enrolmentsPerMinute = 250;

/** The clock of a server that is told that minutes pass. Only its limits see them: certificates and records have the true time. */
function hurriedClock(): Clock & { hurry(ms: number): void } {
  let aheadMs = 0;
  return {
    now: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
    sleep: (durationMs, signal) => systemClock.sleep(durationMs, signal),
    hurry: (ms) => void (aheadMs += ms),
  };
}

/** Enrols that many agents and a mover, by the real enrolment, and makes a job of all of them. */
export async function prepareInstallation(o: {
  folder: string;
  agentCount: number;
  database: string | undefined;
  say: (text: string) => void;
}): Promise<Installation> {
  const path = join(o.folder, 'fleet.json');
  if (existsSync(path)) return { ...installationFile.parse(JSON.parse(readFileSync(path, 'utf8'))), folder: o.folder };
  mkdirSync(o.folder, { recursive: true, mode: 0o700 });
  const { from } = await freeRange(3);
  const ports = { rest: from, control: from + 1, mover: from + 2 };
  const clock = hurriedClock();
  await using server = await TestServer.start(o.folder, {
    clock,
    ports: { 'client-to-server': ports.rest, 'posix-agent-control': ports.control },
    ...(o.database === undefined ? {} : { database: o.database }),
  });
  const { client, running } = server;
  const { token: moverToken } = await client.call('createToken', { body: { role: 'mover' } });
  const { serverId, caFingerprint } = running;
  await using mover = Worker.start(
    'mover-process.ts',
    moverOrder({ folder: o.folder, ports, caFingerprint }, moverToken),
  );
  const { id: moverId = '' } = await mover.ready();
  const repository = await client.call('createRepository', { body: { name: 'fleet', moverId } });
  await client.call('createGroup', { body: { name: 'fleet' } });
  const { token } = await client.call('createToken', {
    body: { role: 'agent', group: 'fleet', uses: o.agentCount, preinstalled: true, lifetimeSeconds: 86_400 },
  });
  const agents: Installation['agents'] = [];
  const enrolAll = async (): Promise<void> => {
    while (agents.length < o.agentCount) {
      const place = agents.length;
      const one = { id: '', certificatePem: '', privateKeyPem: '', caPem: '' };
      agents.push(one);
      if (place % enrolmentsPerMinute === enrolmentsPerMinute - 1) clock.hurry(60_000);
      if (place % 1000 === 0) o.say(`${place} of ${o.agentCount} agents are enrolled`);
      const { answer, identity } = await server.enrol({ token, role: 'agent' });
      Object.assign(one, { id: answer.id, ...identity });
    }
  };
  await Promise.all(Array.from({ length: enrolledAtOnce }, enrolAll));
  const { id: jobId } = await client.call('createJob', {
    body: {
      name: 'fleet',
      groups: ['fleet'],
      scope: { kind: 'folders', paths: ['/srv'] },
      target: { kind: 'shared', repositoryId: repository.id },
      retries: { count: 0 },
    },
  });
  const installation = { serverId, caFingerprint, ports, jobId, agents };
  writeFileSync(path, JSON.stringify(installation), { mode: 0o600 });
  return { ...installation, folder: o.folder };
}

export function moverOrder(
  { folder, ports, caFingerprint }: Pick<Installation, 'folder' | 'ports' | 'caFingerprint'>,
  token = '',
): MoverOrder {
  const server = { host, port: ports.control };
  return { dataDir: join(folder, 'mover'), port: ports.mover, server, token, caFingerprint };
}

/** The first instance has the folder of the one that enrolled; each further one gets its keys. */
export async function serverOrders(
  { folder, ports }: Installation,
  o: { count: number; database: string | undefined },
): Promise<ServerOrder[]> {
  const first = join(folder, 'server');
  const orders: ServerOrder[] = [{ dataDir: first, database: o.database, ports }];
  while (orders.length < o.count) {
    const dataDir = join(folder, `server-${orders.length + 1}`);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    for (const name of sharedFiles) copyFileSync(join(first, name), join(dataDir, name));
    const { from } = await freeRange(2);
    orders.push({ dataDir, database: o.database, ports: { rest: from, control: from + 1 } });
  }
  return orders;
}
