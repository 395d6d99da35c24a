import { type ExitStatus, exitStatus, HoldfastError, hasCode, oneLine, toHoldfastError } from '@holdfast/core';
import type { FoundRepository, RestClient } from '@holdfast/protocol';
import type { KitKeys } from '@holdfast/protocol/recovery-kit';
import { counted, printJson, printText } from '../output.ts';
import { askSecret } from './ask.ts';
import { askKit } from './kit-words.ts';
import { chooseMover } from './names.ts';
import type { ServerWork } from './perform-with-server.ts';
import type { ServerOptions } from './server-options.ts';

export interface ImportOptions extends ServerOptions {
  readonly repository?: string;
  readonly wordsFile?: string;
  readonly passwordFile?: string;
}

/** The group of computers whose backups were found, and which have not joined yet. */
const groupName = 'imported';
/** Repositories of one mover that are imported at once by one command: one for each computer of a fleet. */
const maxPages = 1_000;

type Stored = FoundRepository & { readonly repositoryId?: string | undefined };

/** Enters what is in the storage of a mover into the catalogue. What fails is told, and keeps nothing else from being entered. */
export async function importStorage(mover: string, options: ImportOptions, work: ServerWork): Promise<ExitStatus> {
  const { client, signal, view } = work;
  const { id } = await chooseMover(client, { text: mover, signal });
  const all = await storedAt(client, id, signal);
  const chosen = options.repository === undefined ? all : all.filter(({ name }) => name === options.repository);
  if (chosen.length === 0)
    throw new HoldfastError('repository.missing', {
      message:
        options.repository === undefined
          ? 'The mover has no repository in its storage.'
          : `The mover has no repository ${options.repository} in its storage.`,
      guidance: 'Its `storageRoot` is the folder that has `local` in it.',
    });
  const passwords = new Passwords(options, signal);
  const imported: { name: string; entered: boolean; snapshots: number; unreadable: number }[] = [];
  const failed: { name: string; error: HoldfastError }[] = [];
  const hostnames = new Set<string>();
  for (const stored of chosen) {
    try {
      const password = await passwords.of(stored);
      const body = { name: stored.name, ...(password === undefined ? {} : { password }) };
      const { entered, snapshots, unreadable, ...found } = await client.call('importRepository', {
        params: { id },
        body,
        signal,
      });
      imported.push({ name: stored.name, entered, snapshots, unreadable });
      for (const hostname of found.hostnames) hostnames.add(hostname);
    } catch (error) {
      signal.throwIfAborted();
      // Wrong words are wrong for every repository.
      if (hasCode(error, 'kit.words', 'usage.option')) throw error;
      failed.push({ name: stored.name, error: toHoldfastError(error) });
    }
  }
  const expected = await expectComputers(client, [...hostnames].sort(), signal);
  if (options.json) await printJson({ kind: 'import', repositories: imported, failed, expected });
  else {
    const lines = imported.map(
      ({ name, entered, snapshots }) =>
        `${name}: ${counted(snapshots, 'backup')} entered${entered ? '' : '; the repository was known'}\n`,
    );
    const next =
      expected.length === 0
        ? ''
        : `Not joined yet, and expected in group ${groupName}: ${expected.join(', ')}.\nWhen they have joined, import once more: what is theirs becomes theirs\n`;
    await printText(`${lines.join('')}${next}`);
  }
  for (const { name, error } of failed)
    view.note(`Warning: repository ${name}: ${oneLine(error.message)} (${error.code})`);
  const unreadable = imported.some((one) => one.unreadable > 0);
  return failed.length === 0 && !unreadable ? exitStatus.success : exitStatus.incomplete;
}

async function storedAt(client: RestClient, id: string, signal: AbortSignal): Promise<Stored[]> {
  const all: Stored[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const page = await client.call('storedRepositories', {
      params: { id },
      query: after === undefined ? {} : { after },
      signal,
    });
    all.push(...page.repositories);
    after = page.next;
    if (after === undefined) break;
  }
  return all;
}

/** Of repositories that the server does not know: from the file that was named, or opened with the kit, whose words are asked for once. */
class Passwords {
  readonly #options: ImportOptions;
  readonly #signal: AbortSignal;
  #kit: Promise<KitKeys> | undefined;

  constructor(options: ImportOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  async of({ name, kitPasswords, repositoryId }: Stored): Promise<string | undefined> {
    const { passwordFile, wordsFile } = this.#options;
    const signal = this.#signal;
    if (passwordFile !== undefined)
      return askSecret({ question: `Password of ${name}: `, file: passwordFile, option: '--password-file', signal });
    if (repositoryId !== undefined) return undefined;
    if (kitPasswords.length === 0)
      throw new HoldfastError('repository.password', {
        message: `Repository ${name} has no key for a recovery kit.`,
        guidance: 'Give its own password: --repository NAME --password-file FILE.',
      });
    this.#kit ??= askKit({ wordsFile, signal });
    const kit = await this.#kit;
    const sealed = kitPasswords.find(({ kitId }) => kitId === kit.id);
    if (!sealed)
      throw new HoldfastError('kit.other', {
        message: `Those are the words of recovery kit ${kit.id}; ${name} opens with ${kitPasswords.map(({ kitId }) => kitId).join(', ')}.`,
      });
    const { openPassword } = await import('@holdfast/protocol/recovery-kit');
    return openPassword(sealed.sealedPassword, kit);
  }
}

/** Computers whose backups are there, and that have not joined: listed as expected, so that nobody forgets them. */
async function expectComputers(
  client: RestClient,
  hostnames: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const joined = new Set((await client.list('computers', { signal })).map(({ hostname }) => hostname.toLowerCase()));
  const missing = hostnames.filter((hostname) => /^[\w.:-]+$/.test(hostname) && !joined.has(hostname.toLowerCase()));
  if (missing.length === 0) return [];
  const groups = await client.list('groups', { signal });
  if (!groups.some(({ name }) => name === groupName))
    await client.call('createGroup', { body: { name: groupName }, signal });
  const computers = missing.map((name) => ({ name, comment: 'Its backups were found by an import.' }));
  await client.call('expectComputers', { params: { id: groupName }, body: { computers }, signal });
  return missing;
}
