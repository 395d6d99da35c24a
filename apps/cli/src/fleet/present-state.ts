import type { ExpectedComputer, Group, Job, Policy, RestClient } from '@holdfast/protocol';
import { Directory } from './directory.ts';

/** What the server has of what files declare, and of what they name. */
export interface PresentState {
  readonly groups: readonly Group[];
  readonly jobs: readonly Job[];
  readonly policies: readonly Policy[];
  /** By group. */
  readonly expected: ReadonlyMap<string, readonly ExpectedComputer[]>;
  readonly names: Names;
}

export interface Names {
  readonly agents: Directory;
  readonly movers: Directory;
  readonly repositories: Directory;
  readonly jobs: Directory;
  /** Of each agent, by id. */
  readonly groupOf: ReadonlyMap<string, string>;
}

export async function readPresentState(client: RestClient, signal: AbortSignal): Promise<PresentState> {
  const [groups, jobs, policies, computers, repositories, expected] = [
    await client.list('groups', { signal }),
    await client.list('jobs', { signal }),
    await client.list('policies', { signal }),
    await client.list('computers', { signal }),
    await client.list('repositories', { signal }),
    await client.list('expectedComputers', { signal }),
  ];
  const directoryOf = (role: 'agent' | 'mover'): Directory =>
    new Directory(
      role,
      computers
        .filter((one) => one.role === role)
        .map(({ id, hostname, state }) => ({ id, name: hostname, isGone: state === 'revoked' })),
    );
  return {
    ...{ groups, jobs, policies },
    expected: Map.groupBy(expected, ({ group }) => group),
    names: {
      agents: directoryOf('agent'),
      movers: directoryOf('mover'),
      repositories: new Directory('repository', repositories),
      jobs: new Directory('job', jobs),
      groupOf: new Map(computers.map(({ id, group }) => [id, group])),
    },
  };
}
