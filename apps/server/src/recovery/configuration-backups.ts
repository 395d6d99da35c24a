import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  type ConfigurationBackup,
  configurationPlace,
  dueOccurrence,
  errorReport,
  keptConfiguration,
  localTenant,
  reportOf,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { DatabasePlace } from '../catalogue/database.ts';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import { dumpCatalogue } from '../catalogue/dump.ts';
import { presentSchema } from '../catalogue/load.ts';
import type { ConfigurationBackupsTable } from '../catalogue/recovery-tables.ts';
import { type ComputerRow, loadUsableComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { ServerConfig } from '../config.ts';
import type { DataDirectory } from '../data-directory.ts';
import { sharedFiles } from '../instances/shared-files.ts';
import { readJson } from '../json-column.ts';
import {
  configurationAbandonedMs,
  configurationGraceMs,
  configurationLookMs,
  configurationPieceBytes,
  configurationRetryMs,
  maxRepositoriesPerLook,
} from '../limits.ts';
import type { Vault } from '../vault.ts';
import { writeConfiguration } from './configuration-file.ts';
import { authKeyOf, type KitRow, kitInForce, requireKit } from './recovery-kits.ts';

type Row = Selectable<ConfigurationBackupsTable>;
type Place = z.infer<typeof configurationPlace>;

export const configurationSuffix = '.holdfast-configuration';
const partSuffix = `${configurationSuffix}.part`;
/** The beginning of a file's name: names are in the order of their times. */
const nameOf = (moment: Date): string => moment.toISOString().replaceAll(/[-:.]/g, '');

/**
 * Makes backups of the server's own configuration: nightly, when there is a new recovery kit, and on request. They go to a folder, and
 * beside the repositories of some movers.
 */
export class ConfigurationBackups {
  readonly #catalogue: Catalogue;
  readonly #place: DatabasePlace;
  readonly #data: DataDirectory;
  readonly #movers: Movers;
  readonly #vault: Vault;
  readonly #config: ServerConfig;
  readonly #installation: string;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(o: {
    catalogue: Catalogue;
    place: DatabasePlace;
    data: DataDirectory;
    movers: Movers;
    vault: Vault;
    config: ServerConfig;
    installation: string;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#place = o.place;
    this.#data = o.data;
    this.#movers = o.movers;
    this.#vault = o.vault;
    this.#config = o.config;
    this.#installation = o.installation;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Makes one now. Throws `kit.none`; what it could not do is in what it gives. */
  async make(signal: AbortSignal): Promise<ConfigurationBackup> {
    await requireKit(this.#scope);
    const row = await this.#enter(this.#clock.now());
    if (!row)
      throw new HoldfastError('request.conflict', {
        message: 'Another configuration backup began at the same moment.',
      });
    return this.#perform(row, signal);
  }

  /** Makes those that are due, and once more those that failed or whose instance has crashed, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const row = await this.#take();
        if (row) await this.#perform(row, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#logger.error({ error: toHoldfastError(error) }, 'configuration backups were not looked at');
      }
      await this.#clock.sleep(configurationLookMs, signal);
    }
  }

  get #scope(): TenantScope {
    return this.#catalogue.tenant(localTenant);
  }

  /** What is to be made now. Undefined: nothing is, or another instance has it. */
  async #take(): Promise<Row | undefined> {
    const kit = await kitInForce(this.#scope);
    if (!kit) return undefined;
    const last = await this.#scope.query
      .selectFrom('configurationBackups')
      .selectAll()
      .where('kitId', '=', kit.id)
      .orderBy('dueAt', 'desc')
      .limit(1)
      .executeTakeFirst();
    // Nothing opens with this kit yet.
    if (!last) return this.#enter(new Date(kit.createdAt));
    const { schedule } = this.#config.configurationBackup;
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const due = dueOccurrence(
      { schedule, timeZone },
      { since: new Date(last.dueAt), now: this.#clock.now(), missed: 'run-once', graceMs: configurationGraceMs },
    );
    return due ? this.#enter(due) : this.#takeAgain(last);
  }

  /** A night without a backup is not waited out. */
  async #takeAgain(last: Row): Promise<Row | undefined> {
    const isOlder = (moment: string, ms: number): boolean => this.#clock.now().getTime() - Date.parse(moment) >= ms;
    const isDueAgain =
      last.endedAt === null
        ? isOlder(last.startedAt, configurationAbandonedMs)
        : last.errorJson !== null && isOlder(last.endedAt, configurationRetryMs);
    if (!isDueAgain) return undefined;
    return (
      this.#scope.query
        .updateTable('configurationBackups')
        .set({ startedAt: this.#clock.now().toISOString(), endedAt: null, errorJson: null })
        .where('id', '=', last.id)
        // Of several instances the first one has it.
        .where('startedAt', '=', last.startedAt)
        .returningAll()
        .executeTakeFirst()
    );
  }

  /** Undefined when another instance has it. */
  async #enter(dueAt: Date): Promise<Row | undefined> {
    const kit = await requireKit(this.#scope);
    try {
      return await this.#scope.query
        .insertInto('configurationBackups')
        .values({
          id: crypto.randomUUID(),
          dueAt: dueAt.toISOString(),
          startedAt: this.#clock.now().toISOString(),
          kitId: kit.id,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
    } catch (error) {
      if (isUniqueViolation(error)) return undefined;
      throw error;
    }
  }

  async #perform(row: Row, signal: AbortSignal): Promise<ConfigurationBackup> {
    const { query } = this.#scope;
    let set: Partial<Omit<Row, 'tenant'>>;
    try {
      const kit = await requireKit(this.#scope);
      const made = await this.#write(kit, signal);
      const copies = await this.#copy(made, signal);
      const places: Place[] = [{ kind: 'folder', location: made.path }, ...copies];
      set = { kitId: kit.id, name: made.name, bytes: made.bytes, placesJson: JSON.stringify(places) };
      this.#logger.info({ name: made.name, bytes: made.bytes, places }, 'configuration backup');
    } catch (error) {
      signal.throwIfAborted();
      const failure = toHoldfastError(error);
      this.#logger.error({ error: failure }, 'the configuration backup failed');
      set = { errorJson: JSON.stringify(reportOf(failure)) };
    }
    const ended = await query
      .updateTable('configurationBackups')
      .set({ ...set, endedAt: this.#clock.now().toISOString() })
      .where('id', '=', row.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await this.#forgetOld();
    return configurationBackupView(ended);
  }

  /** The whole file, durably, under its name or not at all. */
  async #write(
    kit: KitRow,
    signal: AbortSignal,
  ): Promise<{ name: string; path: string; bytes: number; sha256: string }> {
    const folder = this.#config.configurationBackup.folder ?? this.#data.file('configuration-backups');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const createdAt = this.#clock.now();
    const name = `${nameOf(createdAt)}-${kit.id}${configurationSuffix}`;
    const path = join(folder, name);
    const part = `${path}${partSuffix}`;
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      const file = writeConfiguration({
        installation: this.#installation,
        createdAt,
        head: { schema: presentSchema, config: { ...this.#config }, files: await this.#identity() },
        lines: dumpCatalogue(this.#place),
        kit: {
          id: kit.id,
          publicKey: kit.publicKey,
          authKey: authKeyOf(kit, { tenant: localTenant, vault: this.#vault }),
        },
      });
      await pipeline(
        Readable.from(file),
        async function* counted(source: AsyncIterable<Buffer>) {
          for await (const piece of source) {
            hash.update(piece);
            bytes += piece.length;
            yield piece;
          }
        },
        createWriteStream(part, { mode: 0o600, flush: true }),
        { signal },
      );
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    await this.#prune(folder, name);
    await syncFolder(folder);
    return { name, path, bytes, sha256: hash.digest('hex') };
  }

  async #identity(): Promise<Record<string, string>> {
    const files: Record<string, string> = {};
    for (const name of sharedFiles) {
      const content = await this.#data.readSecret(name);
      if (content === undefined)
        throw new HoldfastError('internal.unexpected', { message: `${this.#data.file(name)} is missing.` });
      files[name] = content;
    }
    return files;
  }

  /** Never the one that was just made: after a clock was set back others have later names. */
  async #prune(folder: string, made: string): Promise<void> {
    const names = (await readdir(folder)).sort().reverse();
    const others = names.filter((name) => name.endsWith(configurationSuffix) && name !== made);
    const crashedBefore = nameOf(new Date(this.#clock.now().getTime() - configurationAbandonedMs));
    const left = names.filter((name) => name.endsWith(partSuffix) && name < crashedBefore);
    for (const name of [...others.slice(this.#config.configurationBackup.copies - 1), ...left])
      await rm(join(folder, name), { force: true });
  }

  /** What failed with one mover is said, and keeps no other from getting its copy. */
  async #copy(made: { name: string; path: string; sha256: string }, signal: AbortSignal): Promise<Place[]> {
    const places: Place[] = [];
    for (const moverId of await this.#chosenMovers()) {
      try {
        const mover = await loadUsableComputer(this.#scope, moverId, 'mover');
        const location = await this.#send(made, mover, signal);
        places.push({ kind: 'mover', moverId, location });
      } catch (error) {
        signal.throwIfAborted();
        const failure = toHoldfastError(error);
        this.#logger.warn({ mover: moverId, error: failure }, 'a mover did not get its copy of the configuration');
        places.push({ kind: 'mover', moverId, error: reportOf(failure) });
      }
    }
    return places;
  }

  async #send(
    made: { name: string; path: string; sha256: string },
    mover: ComputerRow,
    signal: AbortSignal,
  ): Promise<string> {
    const common = { installation: this.#installation, name: made.name };
    await using file = await open(made.path, 'r');
    const piece = Buffer.alloc(configurationPieceBytes);
    for (let offset = 0; ; ) {
      const { bytesRead } = await file.read(piece, 0, piece.length, offset);
      if (bytesRead === 0 && offset > 0) break;
      const data = piece.subarray(0, bytesRead).toString('base64');
      const body = { ...common, offset, data };
      await this.#movers.links.tell(mover, { method: 'PUT', path: '/configuration', body, signal });
      offset += bytesRead;
    }
    const { location } = await this.#movers.links.request(mover, {
      method: 'POST',
      path: '/configuration',
      body: { ...common, sha256: made.sha256, keep: this.#config.configurationBackup.copies },
      answer: keptConfiguration,
      signal,
    });
    return location;
  }

  /** The first ones that have repositories. */
  async #chosenMovers(): Promise<string[]> {
    const rows = await this.#scope.query
      .selectFrom('repositories')
      .select(['moverId', 'location'])
      .orderBy('createdAt')
      .limit(maxRepositoriesPerLook)
      .execute();
    const withPlace = rows.filter(({ location }) => location !== '').map(({ moverId }) => moverId);
    return [...new Set(withPlace)].slice(0, this.#config.configurationBackup.movers);
  }

  async #forgetOld(): Promise<void> {
    const { query, deleteFrom } = this.#scope;
    const rows = await query
      .selectFrom('configurationBackups')
      .select('dueAt')
      .orderBy('dueAt', 'desc')
      .offset(this.#config.configurationBackup.copies)
      .limit(1)
      .execute();
    const [old] = rows;
    if (old) await deleteFrom('configurationBackups').where('dueAt', '<=', old.dueAt).execute();
  }
}

export function configurationBackupView(row: Row): ConfigurationBackup {
  return {
    id: row.id,
    startedAt: row.startedAt,
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt }),
    ...(row.kitId === null ? {} : { kitId: row.kitId }),
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.bytes === null ? {} : { bytes: row.bytes }),
    places: readJson(z.array(configurationPlace), row.placesJson, 'configurationBackups.placesJson'),
    ...(row.errorJson === null
      ? {}
      : { error: readJson(errorReport, row.errorJson, 'configurationBackups.errorJson') }),
  };
}

async function syncFolder(path: string): Promise<void> {
  // Windows can't open folders; NTFS journals names by itself.
  if (process.platform === 'win32') return;
  await using folder = await open(path, 'r');
  await folder.sync();
}
