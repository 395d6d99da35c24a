import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, errnoOf, HoldfastError, systemClock } from '@holdfast/core';
import { reportOf, writeFileDurably } from '@holdfast/protocol';
import type { KitKeys } from '@holdfast/protocol/recovery-kit';
import { createWire } from '@holdfast/wire';
import type { Transaction } from 'kysely';
import type { DatabasePlace } from '../catalogue/database.ts';
import { loadCatalogue } from '../catalogue/load.ts';
import type { Database } from '../catalogue/schema.ts';
import { parseServerConfig } from '../config.ts';
import { DataDirectory } from '../data-directory.ts';
import { databasePlace } from '../database-place.ts';
import { sharedFiles } from '../instances/shared-files.ts';
import { configurationSuffix } from './configuration-backups.ts';
import { type ConfigurationAbout, readConfiguration } from './configuration-file.ts';

export interface RestoredConfiguration extends ConfigurationAbout {
  /** The file that it came from. */
  readonly file: string;
  readonly rows: number;
  /** What the server was started with: give it to `holdfast server --config`. */
  readonly configFile: string;
}

/** What movers call it. */
const configurationFolder = '_configuration';
const configFileName = 'restored-config.json';

/**
 * Makes an empty data directory that of the server whose configuration backup it is: the same installation, CA, keys and catalogue.
 * `from` is a file, or a folder in which the newest one is taken: the storage of a mover, or the one of the backups. The catalogue is restored to where `config` has it, which is in the
 * data directory unless it says otherwise. What ran or waited when the backup was made is over.
 * @throws configuration.damaged, kit.other, request.conflict when the directory or the database is not empty
 */
export async function restoreConfiguration(o: {
  readonly from: string;
  readonly dataDir: string;
  /** What is another than it was, in the form of the server's configuration file. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly kit: KitKeys;
  readonly clock?: Clock;
}): Promise<RestoredConfiguration> {
  const clock = o.clock ?? systemClock;
  const file = await newestIn(o.from);
  using data = await DataDirectory.open(o.dataDir);
  for (const name of sharedFiles)
    if ((await data.readSecret(name)) !== undefined)
      throw new HoldfastError('request.conflict', {
        message: `${o.dataDir} is that of a server already (${name}): nothing was changed.`,
        guidance: 'Restore into an empty folder.',
      });
  const { about, open } = await readConfiguration(createReadStream(file));
  const { head, lines } = await open(o.kit);
  for (const name of sharedFiles)
    if (head.files[name] === undefined)
      throw new HoldfastError('configuration.damaged', { message: `The configuration backup has no ${name}.` });
  await using wire = createWire({ role: 'backup-server', bind: '127.0.0.1' });
  // The old database is gone, or not to be written over.
  const { database: _, databasePasswordFile: __, ...former } = head.config;
  const config = { ...former, ...o.config };
  const place = await databasePlace(parseServerConfig(config), data, wire);
  const { rows } = await filled(place, () =>
    loadCatalogue(place, { schema: head.schema, lines, settle: (transaction) => settle(transaction, clock.now()) }),
  );
  await data.write(configFileName, `${JSON.stringify(config, undefined, 2)}\n`);
  // Last: with them it is a server.
  for (const name of sharedFiles) await writeFileDurably(data.file(name), head.files[name] ?? '');
  return { ...about, file, rows, configFile: data.file(configFileName) };
}

/** The file itself, or the newest below the folder, whatever installation it is of. */
async function newestIn(from: string): Promise<string> {
  if (!(await isFolder(from))) return from;
  const beside = join(from, configurationFolder);
  const folder = (await exists(beside)) ? beside : from;
  const names = await readdir(folder, { recursive: true });
  const found = names.filter((name) => name.endsWith(configurationSuffix));
  const byTime = (path: string): string => path.split(/[\\/]/).at(-1) ?? '';
  const [newest] = found.sort((a, b) => (byTime(a) < byTime(b) ? 1 : -1));
  if (newest !== undefined) return join(folder, newest);
  throw new HoldfastError('request.missing', {
    message: `There is no configuration backup in ${from}.`,
    guidance:
      'Give the storage of a mover, or the folder of the configuration backups; without one see `holdfast import`.',
  });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new HoldfastError('request.missing', {
      message: `${path} can't be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}

/** A file that could not be filled is taken away again, so that the next attempt finds nothing. */
async function filled<T>(place: DatabasePlace, fill: () => Promise<T>): Promise<T> {
  if (place.kind !== 'sqlite') return fill();
  const isNew = !(await exists(place.path));
  try {
    return await fill();
  } catch (error) {
    if (isNew) for (const end of ['', '-wal', '-shm']) await rm(`${place.path}${end}`, { force: true });
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** What was under way is over: nobody wants yesterday's restore begun again. Who was signed in signs in again. */
async function settle(transaction: Transaction<Database>, now: Date): Promise<void> {
  const endedAt = now.toISOString();
  const error = new HoldfastError('run.cancelled', {
    message: 'The server was restored from a configuration backup that was made while this waited or ran.',
    guidance: 'What a backup had stored by then is used by the next one.',
  });
  await transaction
    .updateTable('runs')
    .set({
      state: 'cancelled',
      endedAt,
      errorJson: JSON.stringify(reportOf(error)),
      errorCode: error.code,
      heldBy: null,
    })
    .where('state', 'in', ['queued', 'running'])
    .execute();
  await transaction.updateTable('sessions').set({ state: 'cancelled', endedAt }).where('state', 'is', null).execute();
  await transaction.updateTable('computers').set({ heldBy: null }).execute();
  await transaction.deleteFrom('credentials').where('kind', '!=', 'api-token').execute();
}
