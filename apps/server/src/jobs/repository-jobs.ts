import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { ComputerRow } from '../computers/computers.ts';
import { isZeroKnowledge, type RepositoryRow } from '../repositories.ts';
import { computersOf } from './job-computers.ts';
import { listJobs, settingsOf } from './job-rows.ts';

type Owner = Pick<ComputerRow, 'id' | 'hostname' | 'groupName'>;

type Target = Pick<RepositoryRow, 'id' | 'moverId' | 'zeroKnowledge'>;

interface Job {
  readonly id: string;
  readonly settings: JobSettings;
  readonly computers: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

/** Which jobs back up to which repositories, as they are at one time. */
export class RepositoryJobs {
  readonly #scope: TenantScope;
  readonly #jobs: readonly Job[];
  /** By repository: whose own it is. */
  readonly #owners: ReadonlyMap<string, Owner>;

  private constructor(o: { scope: TenantScope; jobs: readonly Job[]; owners: ReadonlyMap<string, Owner> }) {
    this.#scope = o.scope;
    this.#jobs = o.jobs;
    this.#owners = o.owners;
  }

  /** For one repository, or for all. */
  static async load(scope: TenantScope, repositoryId?: string): Promise<RepositoryJobs> {
    const jobs = (await listJobs(scope)).map((row) => {
      const settings = settingsOf(row);
      return { id: row.id, settings, computers: new Set(settings.computers), groups: new Set(settings.groups) };
    });
    let owned = scope.query
      .selectFrom('repositories')
      .innerJoin('computers', 'computers.id', 'repositories.ownerId')
      .select(['repositories.id as repositoryId', 'computers.id', 'computers.hostname', 'computers.groupName']);
    if (repositoryId !== undefined) owned = owned.where('repositories.id', '=', repositoryId);
    const owners = new Map((await owned.execute()).map(({ repositoryId: id, ...owner }) => [id, owner]));
    return new RepositoryJobs({ scope, jobs, owners });
  }

  /** The settings of the jobs of a repository. */
  of(repository: Target): readonly JobSettings[] {
    return this.#jobs.filter((job) => this.#writes(job, repository)).map(({ settings }) => settings);
  }

  /** The ids of the jobs of a repository. */
  idsOf(repository: Target): readonly string[] {
    return this.#jobs.filter((job) => this.#writes(job, repository)).map(({ id }) => id);
  }

  /** The names under which the computers of a job back up to one of its repositories. */
  async hostsOf(settings: JobSettings, repository: Pick<RepositoryRow, 'id'>): Promise<string[]> {
    const owner = this.#owners.get(repository.id);
    const computers = settings.target.kind === 'own' && owner ? [owner] : await computersOf(this.#scope, settings);
    return [...new Set(computers.map(({ hostname }) => hostname))].sort();
  }

  #writes({ settings, computers, groups }: Job, repository: Target): boolean {
    const { target } = settings;
    if (target.kind === 'shared') return target.repositoryId === repository.id;
    const owner = this.#owners.get(repository.id);
    if (!owner || target.moverId !== repository.moverId) return false;
    if (target.zeroKnowledge !== isZeroKnowledge(repository)) return false;
    return computers.has(owner.id) || groups.has(owner.groupName);
  }
}
