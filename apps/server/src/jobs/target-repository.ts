import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { ComputerRow } from '../computers/computers.ts';
import { maxInsertedRows, maxQueryValues } from '../limits.ts';
import { loadRepository, type RepositoryRow, refuseZeroKnowledge } from '../repositories.ts';
import { newRepositoryPassword, type Vault } from '../vault.ts';
import { chunks } from './chunks.ts';

/**
 * The repositories that computers' backups go to, by computer. A computer's own is entered in the catalogue if there is none
 * yet; the mover makes its place when the first task needs it.
 */
export async function repositoriesOf(
  scope: TenantScope,
  o: {
    readonly computers: readonly ComputerRow[];
    readonly target: JobSettings['target'];
    readonly vault: Vault;
    readonly now: Date;
  },
): Promise<(computerId: string) => string> {
  const { target, computers } = o;
  if (target.kind === 'shared') {
    refuseOtherComputers(await loadRepository(scope, target.repositoryId), idsOf(computers));
    return () => target.repositoryId;
  }
  const own = new Map<string, string>();
  for (const some of chunks(computers, maxQueryValues)) {
    const known = await scope.query
      .selectFrom('repositories')
      .select(['id', 'ownerId'])
      .where('moverId', '=', target.moverId)
      .where('ownerId', 'in', idsOf(some))
      .where('zeroKnowledge', '=', Number(target.zeroKnowledge))
      .execute();
    for (const { id, ownerId } of known) own.set(ownerId ?? '', id);
  }
  const names = new Set<string>();
  for (const some of chunks(
    computers.filter(({ id }) => !own.has(id)),
    maxInsertedRows,
  )) {
    const wanted = some.map((computer) => nameFor(target.name, computer));
    const taken = await scope.query.selectFrom('repositories').select('name').where('name', 'in', wanted).execute();
    for (const { name } of taken) names.add(name);
    const rows = some.map((computer, index) => {
      const id = crypto.randomUUID();
      own.set(computer.id, id);
      const name = wanted[index] ?? '';
      const free = names.has(name) ? `${name.slice(0, 26)}-${computer.id}` : name;
      names.add(free);
      return {
        id,
        name: free,
        groupName: computer.groupName,
        moverId: target.moverId,
        location: '',
        sealedPassword: target.zeroKnowledge
          ? ''
          : o.vault.seal(newRepositoryPassword(), { tenant: scope.tenant, repositoryId: id }),
        executorId: target.zeroKnowledge ? computer.id : null,
        zeroKnowledge: Number(target.zeroKnowledge),
        createdAt: o.now.toISOString(),
        ownerId: computer.id,
      };
    });
    await scope.query.insertInto('repositories').values(rows).execute();
  }
  return (computerId) => own.get(computerId) ?? '';
}

/** Only one computer can back up to a repository of the zero-knowledge mode. @throws zero-knowledge.server */
export function refuseOtherComputers(repository: RepositoryRow, computers: readonly string[]): void {
  if (computers.some((id) => id !== repository.executorId))
    refuseZeroKnowledge(repository, 'have another computer back up to it');
}

function idsOf(computers: readonly ComputerRow[]): string[] {
  return computers.map(({ id }) => id);
}

/** Names of repositories are slugs of at most 63 characters; computers' names may be anything. */
function nameFor(template: string, computer: ComputerRow): string {
  const id = computer.id.slice(0, 8);
  const values: Readonly<Record<string, string>> = { computer: computer.hostname, group: computer.groupName, id };
  const slug = template
    .replaceAll(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63);
  return slug === '' || slug === 'holdfast' ? `computer-${id}` : slug;
}
