import { type Clock, HoldfastError, Semaphore, toHoldfastError } from '@holdfast/core';
import type { RescanResult } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { AgentConnections } from '../computers/agent-connections.ts';
import { type ComputerRow, computerView, loadComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { Presence } from '../computers/presence.ts';
import { maxListedRows, maxRescannedAtOnce, rescanCheckMs } from '../limits.ts';
import { isOutOfDate, isUntrusted } from './computer-list.ts';
import { readCsvFile } from './csv-file.ts';
import { readCsvList } from './csv-list.ts';
import { countExpected, takeList } from './expected-computers.ts';
import { type GroupRow, loadGroup, nextRescan, notRescanned, recordRescan } from './groups.ts';

/** Looks again at what groups list and whether their computers are there, on schedule and on request. Never deploys. */
export class Rescans {
  readonly #catalogue: Catalogue;
  readonly #presence: Presence;
  readonly #movers: Movers;
  readonly #connections: AgentConnections;
  readonly #csvFolder: string | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #asking = new Semaphore(maxRescannedAtOnce);

  constructor(o: {
    catalogue: Catalogue;
    presence: Presence;
    movers: Movers;
    connections: AgentConnections;
    csvFolder: string | undefined;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#presence = o.presence;
    this.#movers = o.movers;
    this.#connections = o.connections;
    this.#csvFolder = o.csvFolder;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Rescans groups as they fall due until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.rescanDue(signal);
      await this.#clock.sleep(rescanCheckMs, signal);
    }
  }

  /** One after another, those that are due. A group that fails does not keep the others waiting. */
  async rescanDue(signal: AbortSignal): Promise<void> {
    try {
      for (const { tenant, groupName } of await this.#catalogue.dueRescans(this.#clock.now())) {
        signal.throwIfAborted();
        const scope = this.#catalogue.tenant(tenant);
        try {
          const group = await this.#takeTurn(scope, groupName);
          if (group) await this.#rescan(scope, group, signal);
        } catch (error) {
          signal.throwIfAborted();
          this.#logger.warn(
            { group: groupName, error: toHoldfastError(error) },
            'a protection group was not rescanned',
          );
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.warn({ error: toHoldfastError(error) }, 'which protection groups are due could not be read');
    }
  }

  /** Throws `request.missing`, and `request.conflict` for a group that is disabled or can't be rescanned. */
  async rescanGroup(scope: TenantScope, name: string, signal: AbortSignal): Promise<RescanResult> {
    const group = await loadGroup(scope, name);
    if (group.type === 'preinstalled') throw notRescanned(`The protection group ${name} of pre-installed computers`);
    if (group.enabled === 0)
      throw new HoldfastError('request.conflict', {
        message: `The protection group ${name} is disabled: it is not rescanned.`,
        guidance: `\`holdfast groups enable ${name}\` changes that.`,
      });
    return this.#rescan(scope, group, signal);
  }

  /** Throws `request.missing`, and `request.conflict` for a pre-installed computer. */
  async rescanComputer(scope: TenantScope, id: string, signal: AbortSignal): Promise<void> {
    const computer = await loadComputer(scope, id);
    if (computer.preinstalled === 1) throw notRescanned(`The pre-installed computer ${computer.hostname}`);
    await this.#ask(scope.tenant, computer, signal);
  }

  /** Moves the schedule of a group on; undefined where another instance was faster, or it had none yet. */
  async #takeTurn(scope: TenantScope, name: string): Promise<GroupRow | undefined> {
    return scope.transaction(async (inside) => {
      const group = await loadGroup(inside, name);
      const now = this.#clock.now();
      const due = group.nextRescanAt;
      if (group.rescanAt === null || group.enabled === 0 || (due !== null && due > now.toISOString())) return undefined;
      await inside.query
        .updateTable('groups')
        .set({ nextRescanAt: nextRescan(group.rescanAt, now).toISOString() })
        .where('groupName', '=', name)
        .execute();
      return due === null ? undefined : group;
    });
  }

  async #rescan(scope: TenantScope, group: GroupRow, signal: AbortSignal): Promise<RescanResult> {
    const name = group.groupName;
    const list = await this.#readList(scope, group);
    const computersOf = () =>
      scope.query
        .selectFrom('computers')
        .selectAll()
        .where('groupName', '=', name)
        .orderBy('enrolledAt')
        .limit(maxListedRows)
        .execute();
    await Promise.all((await computersOf()).map((computer) => this.#ask(scope.tenant, computer, signal)));
    const computers = (await computersOf()).map((row) => computerView(row, this.#presence.isOnline(row)));
    const result: RescanResult = {
      at: this.#clock.now().toISOString(),
      ...(await countExpected(scope, name)),
      excluded: list.excluded,
      computers: computers.length,
      online: computers.filter(({ state }) => state === 'online').length,
      outOfDate: computers.filter(isOutOfDate).length,
      untrusted: computers.filter((computer) => isUntrusted(computer, this.#clock)).length,
      ...(list.error === undefined ? {} : { error: list.error }),
    };
    await recordRescan(scope, name, result);
    return result;
  }

  async #readList(scope: TenantScope, group: GroupRow): Promise<{ excluded: number; error?: string }> {
    if (group.csvFile === null) return { excluded: 0 };
    try {
      const computers = readCsvList(await readCsvFile(group.csvFile, this.#csvFolder));
      return await takeList(scope, { group, computers, clock: this.#clock });
    } catch (error) {
      const { code, message } = toHoldfastError(error);
      if (!code.startsWith('request.')) throw error;
      return { excluded: 0, error: message };
    }
  }

  /** What a computer says of itself now. One that does not answer is known by its absence. */
  async #ask(tenant: string, computer: ComputerRow, signal: AbortSignal): Promise<void> {
    if (computer.revokedAt !== null || computer.preinstalled === 1) return;
    using _permit = await this.#asking.acquire(signal);
    try {
      const held = this.#connections.held(computer.id);
      if (computer.role === 'mover') await this.#movers.trust(tenant, computer, signal);
      else if (held) await this.#connections.greet({ peer: held.peer, tenant, agentId: computer.id });
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.debug({ computer: computer.id, error: toHoldfastError(error) }, 'computer not reached by a rescan');
    }
  }
}
