import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelId, FeatureId } from '@holdfast/contract';
import type { Plan } from '@holdfast/contract/plan';
import { type Fleet, type FleetMember, type RunReport, takesPart } from '../fleet.ts';
import type { LabHost, RoleCommand } from '../host.ts';
import { callInAttempts, logLookMs, sourceBytes, sourceFiles } from '../limits.ts';
import { isNameServer } from '../name-servers.ts';
import type { Finished } from '../namespace.ts';
import type { Need, Outcome, Scenario } from './scenario.ts';

/**
 * Every scenario that the product has, for the computers of a fleet: a new feature of the product gets its scenario here. To be
 * called while everything of the plan is open, because it makes the repositories and jobs that scenarios use.
 */
export async function scenariosOf(fleet: Fleet, plan: Plan): Promise<readonly Scenario[]> {
  const server = fleet.server.host.name;
  const agents = fleet.members.filter(({ commands }) => commands.includes('agent'));
  const stores = fleet.members.filter(({ planned }) =>
    planned.roles.some((role) => /^(repository|gateway|data-mover)/.test(role)),
  );
  const clients = fleet.members.filter(({ planned }) => planned.roles.includes('client'));
  const opens = (channel: ChannelId, from: FleetMember, to: FleetMember): boolean =>
    plan.flows.some(
      (flow) =>
        flow.channels.includes(channel) &&
        flow.from.some(({ name }) => name === from.host.name) &&
        flow.to.some(({ name }) => name === to.host.name),
    );

  const all: Scenario[] = clients.map((client) => commandLine(client, server));
  for (const member of fleet.members)
    for (const role of member.commands) if (role !== 'server') all.push(enrolment(member, role, server));
  const [name] = fleet.server.planned.names;
  const nameServers = plan.hosts.filter(isNameServer).map((host) => host.name);
  if (name !== undefined && nameServers.length > 0)
    for (const member of fleet.members.filter(({ planned }) => takesPart(planned)))
      all.push(named(member, { server, name, nameServers }));
  for (const agent of agents) all.push(heldConnection(agent, server));
  for (const member of fleet.members) if (member.commands.includes('mover')) all.push(moverReport(member, server));
  for (const store of stores) {
    const mover = fleet.computerId(store, 'mover');
    await fleet.command(['repo', 'create', repositoryOf(store), '--mover', mover]);
    for (const client of clients) if (opens('client-to-mover', client, store)) all.push(resticClient(client, store));
  }
  for (const agent of agents) {
    await makeSource(agent);
    for (const store of stores) {
      const local = agent === store;
      if (local || opens('agent-to-mover-transport', agent, store))
        all.push(...(await backupAndRestore(fleet, { agent, store, direction: 'agent-dials' })));
      if (!local && opens('server-to-agent-data', store, agent))
        all.push(...(await backupAndRestore(fleet, { agent, store, direction: 'mover-dials' })));
    }
  }
  return all;
}

/** A client asks the server something. */
function commandLine({ host }: FleetMember, server: string, place?: string): Scenario {
  return {
    id: `command line on ${host.name}`,
    needs: [{ between: [host.name, server], features: ['command-line', 'rest-api'] }],
    busy: host.name,
    run: async (fleet, signal) =>
      outcomeOf(await host.holdfast(['computers', 'list', ...(await fleet.accessFor(host, place))], { signal })),
  };
}

/** The same as another scenario of the computer, but with the server's name instead of its address. */
function named(
  member: FleetMember,
  o: { readonly server: string; readonly name: string; readonly nameServers: readonly string[] },
): Scenario {
  const role = member.commands.find((command) => command !== 'server');
  // On the server's own computer nothing has to be open for it but its names.
  const { needs, ...other } =
    role === undefined || member.host.name === o.server
      ? commandLine(member, o.server, o.name)
      : enrolment(member, role, o.server, o.name);
  const resolves: Need = { between: [member.host.name, ...o.nameServers], features: ['name-resolution'] };
  return { ...other, id: `${other.id}, by the server's name`, needs: [...needs, resolves] };
}

/** A computer joins once more, under another identity, which is revoked afterwards. */
function enrolment(member: FleetMember, role: 'agent' | 'mover', server: string, place?: string): Scenario {
  const { host } = member;
  return {
    id: `enrol the ${role} of ${host.name}`,
    needs: [{ between: [host.name, server], features: ['enrolment'] }],
    busy: host.name,
    run: async (fleet, signal) => {
      const { token, args } = await fleet.invitation(member, role, place);
      const data = join(host.folder, `joined-${randomBytes(4).toString('hex')}`);
      const finished = await host.holdfast([...args, '--data', data], { input: token, signal });
      if (finished.status === 0) {
        const id = /^Enrolled as \w+ ([\w-]+)/.exec(finished.stdout)?.[1] ?? '';
        await fleet.command(['computers', 'revoke', id, '--yes']);
      }
      await rm(data, { recursive: true, force: true });
      return outcomeOf(finished);
    },
  };
}

/** An agent that starts calls its server, and gets its policies. */
function heldConnection({ host }: FleetMember, server: string): Scenario {
  return {
    id: `the agent of ${host.name} calls in`,
    needs: [{ between: [host.name, server], features: ['agent-policy'] }],
    busy: host.name,
    restarts: true,
    run: (_, signal) =>
      restartUntil(host, {
        role: 'agent',
        reached: '"policies taken over"',
        notReached: '"no connection to the server"',
        signal,
      }),
  };
}

/** A mover that starts tells the server where it listens. */
function moverReport({ host }: FleetMember, server: string): Scenario {
  return {
    id: `the mover of ${host.name} reports`,
    needs: [{ between: [host.name, server], features: ['mover-reports'] }],
    busy: host.name,
    restarts: true,
    run: (_, signal) =>
      restartUntil(host, {
        role: 'mover',
        reached: '"the server knows where this mover listens"',
        notReached: '"the server could not be told where this mover listens"',
        signal,
      }),
  };
}

/**
 * Starts a role again, and waits until it says that it has reached the server, or for the second time that it has not: the first
 * one may be a busy computer's fault.
 */
async function restartUntil(
  host: LabHost,
  o: {
    readonly role: RoleCommand;
    readonly reached: string;
    readonly notReached: string;
    readonly signal: AbortSignal;
  },
): Promise<Outcome> {
  const before = (await host.process(o.role).output()).length;
  const process = await host.restart(o.role);
  for (;;) {
    o.signal.throwIfAborted();
    const output = (await process.output()).slice(before);
    if (output.includes(o.reached)) return { kind: 'passed' };
    if (output.split(o.notReached).length > callInAttempts) return { kind: 'failed', message: output };
    await new Promise((resolve) => setTimeout(resolve, logLookMs));
  }
}

interface Pair {
  readonly agent: FleetMember;
  readonly store: FleetMember;
  readonly direction: 'agent-dials' | 'mover-dials';
}

/** A job of the server, and a restore of what it stored; they need the same connections. */
async function backupAndRestore(fleet: Fleet, pair: Pair): Promise<readonly Scenario[]> {
  const { agent, store, direction } = pair;
  const [from, to] = [agent.host.name, store.host.name];
  const suffix = direction === 'mover-dials' ? ', the mover dials' : '';
  const job = `${from}-${to}-${direction}`;
  const repository = repositoryOf(store);
  const agentId = fleet.computerId(agent, 'agent');
  await fleet.command([
    ...['job', 'create', job, sourceOf(agent), '--agent', agentId],
    // Another attempt would get into what is tried later.
    ...['--repository', repository, '--direction', direction, '--retries', '0'],
  ]);
  // What is restored, whichever scenario runs first.
  const { result } = await fleet.run(job);
  const server = fleet.server.host.name;
  const target = join(agent.host.folder, `restored-${job}`);
  const needs = (managed: FeatureId, own: FeatureId): readonly Need[] => [
    { between: [server, from], features: [managed] },
    { between: [server, to], features: ['mover-management'] },
    // The mover dials data ports only, so that nothing of the agent's own has to get through.
    { between: [from, to], features: direction === 'mover-dials' ? ['full-speed-data'] : [own, 'full-speed-data'] },
  ];
  const backup: Scenario = {
    id: `backup of ${from} to ${to}${suffix}`,
    needs: needs('managed-backup', 'agent-backup'),
    busy: from,
    run: async (_, signal) => outcomeOfRun(await fleet.run(job, { signal })),
  };
  const restore: Scenario = {
    id: `restore of ${from} from ${to}${suffix}`,
    needs: needs('managed-restore', 'agent-restore'),
    busy: from,
    run: async (_, signal) => {
      const snapshot = result?.snapshotId ?? 'latest';
      const args = ['restore', snapshot, '--agent', agentId, '--target', target, '--direction', direction];
      const report = await fleet.runOf(args, { signal });
      await rm(target, { recursive: true, force: true });
      return outcomeOfRun(report);
    },
  };
  return [backup, restore];
}

/** Somebody with a grant lists a repository, without the server. */
function resticClient(client: FleetMember, store: FleetMember): Scenario {
  return {
    id: `a grant used on ${client.host.name} at ${store.host.name}`,
    needs: [{ between: [client.host.name, store.host.name], features: ['restic-client'] }],
    busy: client.host.name,
    run: async (fleet, signal) => {
      const folder = join(client.host.folder, `access-${randomBytes(4).toString('hex')}`);
      await fleet.command(['grant', 'create', repositoryOf(store), '--for-restic', '--out', folder]);
      const script = '. "$0/environment"; exec "$@"';
      const finished = await client.host.run('sh', ['-ec', script, folder, ...client.host.program, 'snapshots'], {
        signal,
      });
      await rm(folder, { recursive: true, force: true });
      return outcomeOf(finished);
    },
  };
}

function repositoryOf(store: FleetMember): string {
  return `at-${store.host.name}`;
}

function sourceOf({ host }: FleetMember): string {
  return join(host.folder, 'source');
}

/** Incompressible, so that enough bytes pass for the counters to show. */
async function makeSource(agent: FleetMember): Promise<void> {
  const folder = sourceOf(agent);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'large'), randomBytes(sourceBytes));
  for (let number = 0; number < sourceFiles; number++) await writeFile(join(folder, `file-${number}`), `${number}\n`);
}

function outcomeOf({ status, stdout, stderr }: Finished): Outcome {
  return status === 0 ? { kind: 'passed' } : { kind: 'failed', message: `${stderr}${stdout}`.trim() };
}

function outcomeOfRun({ state, error, degradations }: RunReport): Outcome {
  if (state === 'succeeded') return { kind: 'passed' };
  if (state === 'warning' && degradations.length > 0)
    return { kind: 'degraded', blocked: degradations.map(({ channel }) => channel) };
  return { kind: 'failed', message: error ? `${error.message} ${error.guidance}` : `the run ended ${state}` };
}
