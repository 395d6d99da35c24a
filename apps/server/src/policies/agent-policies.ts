import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { AgentPolicy, GrantIssuer, Handlers, PolicyReport, Run, TaskMethods } from '@holdfast/protocol';
import type { PeerIdentity } from '@holdfast/wire';
import type { Logger } from 'pino';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { type ComputerRow, loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { EventHub } from '../event-hub.ts';
import { type JobRow, settingsOf } from '../jobs/job-rows.ts';
import { orderOf } from '../jobs/start-job.ts';
import { repositoriesOf } from '../jobs/target-repository.ts';
import { maxPolicyReports, policyReportWindowMs, standingGrantMs } from '../limits.ts';
import { loadRepository, passwordOf } from '../repositories.ts';
import { recordOwnLog, saveStatistics } from '../runs/run-log.ts';
import { loadRun, recordOwnRun, runView } from '../runs/run-store.ts';
import { plainPlan } from '../sessions/session-plan.ts';
import { recordEndedSession, sessionView } from '../sessions/session-store.ts';
import type { Vault } from '../vault.ts';
import { policiesOf } from './policies.ts';
import { recordHandout } from './standing-grants.ts';

/**
 * The server's side of policies: hands each agent its own, with standing grants that every contact renews, and records what
 * it ran by itself. Who asks is who the certificate of the connection says.
 */
export class AgentPolicies {
  readonly #catalogue: Catalogue;
  readonly #movers: Movers;
  readonly #grants: GrantIssuer;
  readonly #vault: Vault;
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By agent. */
  readonly #reports: AttemptLimiter;

  constructor(o: {
    catalogue: Catalogue;
    movers: Movers;
    grants: GrantIssuer;
    vault: Vault;
    events: EventHub;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#movers = o.movers;
    this.#grants = o.grants;
    this.#vault = o.vault;
    this.#events = o.events;
    this.#clock = o.clock;
    this.#logger = o.logger;
    const bound = { limit: maxPolicyReports, windowMs: policyReportWindowMs };
    this.#reports = new AttemptLimiter({ what: 'reports of policy runs', ...bound, clock: o.clock });
  }

  /** What an agent may ask for on the connection that it holds. */
  handlersFor({ tenant, identity }: { tenant: string; identity: PeerIdentity }): Handlers<TaskMethods> {
    const scope = this.#catalogue.tenant(tenant);
    return {
      'policies.get': async (_, { emit }) => {
        const agent = await loadUsableComputer(scope, identity.id, 'agent');
        let count = 0;
        for (const row of await policiesOf(scope, agent)) {
          const policy = await this.#handOut(scope, { row, agent, fingerprint: identity.fingerprint });
          if (!policy) continue;
          await emit(policy);
          count += 1;
        }
        return { count };
      },
      'policies.report': async (report) => {
        this.#reports.check(identity.id);
        this.#reports.count(identity.id);
        await this.#record(scope, identity.id, report);
        return {};
      },
    };
  }

  /**
   * Undefined for a policy that can't be: its mover is revoked, or its repository gone. The others are not to suffer from it. And
   * for one that was taken away meanwhile.
   */
  async #handOut(
    scope: TenantScope,
    o: { row: JobRow; agent: ComputerRow; fingerprint: string },
  ): Promise<AgentPolicy | undefined> {
    try {
      return await this.#policyFor(scope, o);
    } catch (error) {
      const failure = toHoldfastError(error);
      if (failure.retry !== 'permanent') throw error;
      this.#logger.warn({ policy: o.row.id, agent: o.agent.id, error: failure }, 'a policy can not be handed out');
      return undefined;
    }
  }

  async #policyFor(
    scope: TenantScope,
    { row, agent, fingerprint }: { row: JobRow; agent: ComputerRow; fingerprint: string },
  ): Promise<AgentPolicy | undefined> {
    const { tenant } = scope;
    const now = this.#clock.now();
    const handed = await scope.transaction(async (inner) => {
      // What has been changed since is as it is now, and its former grant is revoked already.
      const computers = [await loadUsableComputer(inner, agent.id, 'agent')] as const;
      const present = (await policiesOf(inner, computers[0])).find(({ id }) => id === row.id);
      if (!present) return undefined;
      const settings = settingsOf(present);
      const repositoryOf = await repositoriesOf(inner, { computers, target: settings.target, vault: this.#vault, now });
      const repositoryId = repositoryOf(agent.id);
      const grantId = await recordHandout(inner, { agentId: agent.id, policyId: row.id, repositoryId, now });
      return { repositoryId, grantId, settings, changedAt: present.changedAt };
    });
    if (!handed) return undefined;
    const { repositoryId, grantId, settings, changedAt } = handed;
    const repository = await loadRepository(scope, repositoryId);
    const mover = await loadUsableComputer(scope, repository.moverId, 'mover');
    const grant = await this.#grants.issue({
      id: grantId,
      subject: `agent/${agent.id}`,
      tenant,
      repository: repository.name,
      mode: 'append',
      sessionId: undefined,
      fingerprint,
      lifetimeMs: standingGrantMs,
    });
    const { direction, ...order } = orderOf(settings, { id: row.id });
    const password = passwordOf(repository, this.#vault);
    const { name, schedule, timeZone, missed, windows, retries } = settings;
    return {
      ...{ id: row.id, name, changedAt, repositoryId },
      ...{ schedule, timeZone, missed, windows, retries },
      task: {
        ...order,
        initialise: repository.initialisedAt === null,
        access: {
          tenant,
          repository: repository.name,
          ...(password === undefined ? {} : { password }),
          grant,
          mover: {
            id: mover.id,
            host: mover.address,
            port: portOf(mover, 'agent-to-mover-transport'),
            fingerprint: this.#movers.links.fingerprint(mover),
          },
          direction,
        },
      },
    };
  }

  /**
   * Records a run once, however often it is reported. Throws `request.invalid` for a policy and repository that the agent never
   * got, `request.conflict` for a run that is another's.
   */
  async #record(scope: TenantScope, agentId: string, report: PolicyReport): Promise<void> {
    const now = this.#clock.now();
    const session = await scope.transaction((inner) => record(inner, { agentId, report, now }));
    if (session === undefined) return;
    this.#logger.info({ agent: agentId, run: report.runId, policy: report.policyId }, 'a run of a policy was reported');
    this.#events.publishRun(scope.tenant, runView(await loadRun(scope, report.runId)));
    this.#events.publishSession(scope.tenant, await sessionView(scope, session));
  }
}

/** The session that it made; none if the run was recorded before. */
async function record(
  scope: TenantScope,
  { agentId, report, now }: { agentId: string; report: PolicyReport; now: Date },
): Promise<string | undefined> {
  const { query } = scope;
  const agent = await loadUsableComputer(scope, agentId, 'agent');
  const handout = await query
    .selectFrom('policyHandouts')
    .select('policyId')
    .where('agentId', '=', agentId)
    .where('policyId', '=', report.policyId)
    .where('repositoryId', '=', report.repositoryId)
    .executeTakeFirst();
  if (!handout)
    throw new HoldfastError('request.invalid', {
      message: `Agent ${agent.hostname} reports a run of policy ${report.policyId}, which it never got for that repository.`,
    });
  const known = await query.selectFrom('runs').select('agentId').where('id', '=', report.runId).executeTakeFirst();
  if (known?.agentId === agentId) return undefined;
  if (known) throw new HoldfastError('request.conflict', { message: `Run ${report.runId} is of another computer.` });
  const { outcome } = report;
  const [startedAt, endedAt] = [notAfter(report.startedAt, now), notAfter(report.endedAt, now)];
  const state = stateOf(report);
  const session = await recordEndedSession(scope, {
    kind: 'backup',
    groupName: agent.groupName,
    job: { id: report.policyId, name: report.policyName },
    trigger: 'policy',
    plan: plainPlan,
    notes: report.lostBefore > 0 ? [lost(agent, report.lostBefore)] : [],
    ...{ startedAt, endedAt, state },
  });
  const view: Run & { sessionId: string } = {
    id: report.runId,
    kind: 'backup',
    sessionId: session,
    jobId: report.policyId,
    ...{ agentId, repositoryId: report.repositoryId, state, attempt: report.attempt },
    ...{ queuedAt: startedAt, startedAt, endedAt },
    ...(outcome.kind === 'done' ? { result: outcome.result } : { error: outcome.error }),
    problems: report.problems,
    problemCount: report.problemCount,
    degradations: report.degradations,
    ...(report.progress ? { progress: report.progress } : {}),
  };
  await recordOwnRun(scope, view, {
    order: { ...report.task, direction: 'agent-dials' },
    hostname: agent.hostname,
    now,
  });
  await recordOwnLog(scope, report.runId, report.log ?? []);
  if (report.statistics) await saveStatistics(scope, report.runId, report.statistics);
  return session;
}

function stateOf({ outcome, problemCount, degradations }: PolicyReport): 'failed' | 'warning' | 'succeeded' {
  if (outcome.kind === 'failed') return 'failed';
  return problemCount > 0 || degradations.length > 0 ? 'warning' : 'succeeded';
}

/** A computer's clock may be wrong; what it did is not in the future. */
function notAfter(time: string, now: Date): string {
  return new Date(Math.min(Date.parse(time), now.getTime())).toISOString();
}

function lost({ hostname }: ComputerRow, count: number) {
  return new HoldfastError('internal.limit', {
    message: `${hostname} was without the server for so long that it could not keep the reports of ${count} runs before this one.`,
    guidance:
      'Their snapshots, where they made some, are in the repository: restic and `holdfast snapshots --repo` list them.',
  });
}
