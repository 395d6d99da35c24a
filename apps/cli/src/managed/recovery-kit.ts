import { type ExitStatus, exitStatus, HoldfastError, oneLine } from '@holdfast/core';
import type { RecoveryKit, RestClient } from '@holdfast/protocol';
import { counted, print, printJson, printText, shownTime } from '../output.ts';
import { askKit } from './kit-words.ts';
import type { ServerWork } from './perform-with-server.ts';
import { type RecoveryFacts, serverText } from './recovery-document.ts';
import { writeSecretFile } from './secret-file.ts';
import type { ServerOptions } from './server-options.ts';

export interface CreateKitOptions extends ServerOptions {
  readonly out?: string;
  readonly replace?: boolean;
}

export interface KitWordsOptions extends ServerOptions {
  readonly wordsFile?: string;
}

/** Makes a kit here, tells the server its public half, and prints the document. The words never leave this process otherwise. */
export async function createKit(options: CreateKitOptions, { client, signal, view }: ServerWork): Promise<ExitStatus> {
  const { kit: present } = await client.call('recoveryKit', { signal });
  if (present && options.replace !== true)
    throw new HoldfastError('request.conflict', {
      message: `There is a recovery kit already: ${present.id}, made ${shownTime(present.createdAt)}.`,
      guidance: 'Give --replace for a new one: the present one then opens no new backup.',
    });
  const [{ kitKeys, newKitSecret }, { recoveryDocument }] = await Promise.all([
    import('@holdfast/protocol/recovery-kit'),
    import('./recovery-document.ts'),
  ]);
  const secret = newKitSecret();
  const keys = await kitKeys(secret);
  const facts = await factsOf(client, { kitId: keys.id, signal });
  const document = recoveryDocument(secret, facts);
  // On paper, or in a file, before anything is sealed to it.
  const file = options.out === undefined ? undefined : await writeSecretFile(options.out, document);
  if (file === undefined && !options.json) await print(`${document}\n`);
  const { publicKey, authKey } = keys;
  const made = await client.call('replaceRecoveryKit', { body: { publicKey, authKey }, signal });
  if (options.json)
    await printJson({ kind: 'recovery-kit', ...made, ...(file === undefined ? { document } : { documentFile: file }) });
  else {
    if (file !== undefined) await printText(`The recovery kit is in ${file}: print it, and delete the file.\n`);
    view.note('When it is on paper, show that: `holdfast recovery-kit verify`.');
  }
  return exitStatus.success;
}

async function factsOf(client: RestClient, o: { kitId: string; signal: AbortSignal }): Promise<RecoveryFacts> {
  const { kitId, signal } = o;
  const [status, computers, repositories] = await Promise.all([
    client.call('status', { signal }),
    client.list('computers', { signal }),
    client.list('repositories', { signal }),
  ]);
  const { installation, caFingerprint } = status;
  return {
    kitId,
    installation,
    caFingerprint,
    createdAt: new Date().toISOString(),
    server: serverText(status),
    zeroKnowledge: repositories.filter((one) => one.zeroKnowledge).map(({ name }) => name),
    storage: computers
      .filter(({ role }) => role === 'mover')
      .map(({ id, hostname }) => ({
        mover: hostname,
        repositories: repositories.filter(({ moverId, location }) => moverId === id && location !== ''),
      }))
      .filter((place) => place.repositories.length > 0),
  };
}

export async function verifyKit(options: KitWordsOptions, { client, signal }: ServerWork): Promise<ExitStatus> {
  const { kit, former } = await client.call('recoveryKit', { signal });
  if (!kit) throw new HoldfastError('kit.none');
  const keys = await askKit({ ...options, wordsFile: options.wordsFile, signal });
  if (keys.id !== kit.id) {
    const old = former.find(({ id }) => id === keys.id);
    throw new HoldfastError('kit.other', {
      message: old
        ? `Those are the words of recovery kit ${old.id}, which was replaced ${shownTime(old.replacedAt)} by ${kit.id}.`
        : `Those are the words of recovery kit ${keys.id}; the one in force is ${kit.id}.`,
    });
  }
  const { kitProof } = await import('@holdfast/protocol/recovery-kit');
  const confirmed = await client.call('confirmRecoveryKit', { body: { proof: kitProof(keys) }, signal });
  if (options.json) await printJson({ kind: 'recovery-kit', ...confirmed });
  else await printText(`Those are the words of recovery kit ${kit.id}, which is in force.\n${sealedText(confirmed)}`);
  return exitStatus.success;
}

export async function showKit(options: ServerOptions, { client, signal, view }: ServerWork): Promise<ExitStatus> {
  const found = await client.call('recoveryKit', { signal });
  if (options.json) await printJson({ kind: 'recovery-kit', ...found });
  else await printText(kitText(found));
  for (const { name, error } of found.problems) view.note(`Warning: repository ${name}: ${oneLine(error.message)}`);
  const { total, sealed } = found.repositories;
  return found.kit?.confirmedAt !== undefined && sealed === total ? exitStatus.success : exitStatus.incomplete;
}

function kitText(found: RecoveryKit): string {
  const { kit, former } = found;
  if (!kit) return 'There is no recovery kit. Make one with `holdfast recovery-kit create`, and print it.\n';
  const confirmed =
    kit.confirmedAt === undefined
      ? 'Nobody has shown yet that it is on paper: `holdfast recovery-kit verify`.'
      : `Its words were shown to be on paper ${shownTime(kit.confirmedAt)}.`;
  const old = former.map(({ id, replacedAt }) => `Replaced: ${id}, ${shownTime(replacedAt)}.\n`);
  return `Recovery kit ${kit.id}, made ${shownTime(kit.createdAt)} by ${kit.createdBy}.\n${confirmed}\n${sealedText(found)}${old.join('')}`;
}

function sealedText({ repositories: { total, sealed, openToFormer, zeroKnowledge } }: RecoveryKit): string {
  const others =
    zeroKnowledge === 0
      ? ''
      : `It does not open ${counted(zeroKnowledge, 'repository', 'repositories')} of the zero-knowledge mode: only the recovery phrases of their own computers do.\n`;
  const all = `${sealed} of ${counted(total, 'repository', 'repositories')} open with it.\n${others}`;
  if (openToFormer === 0) return all;
  return `${all}${openToFormer} still open with a former one as well: their storage does not let that key go before a date.\n`;
}
