import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { loadOwnKey, ownKeyPath, saveOwnKey } from '@holdfast/agent';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { numberedWords, ownPasswordOf, passwordOfPhrase, secretOf } from '@holdfast/protocol/recovery-kit';
import { askSecret } from '../managed/ask.ts';
import { requirePlace, writeSecretFile } from '../managed/secret-file.ts';
import { print, printJson, printText } from '../output.ts';
import { readPasswordFile } from '../stand-alone/password.ts';
import type { Work } from '../work.ts';
import { dataOf, type RoleOptions } from './role-options.ts';

export interface PhraseOptions extends Pick<RoleOptions, 'data'> {
  readonly phraseFile?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface SetupOptions extends PhraseOptions {
  readonly out?: string;
  readonly again?: boolean;
  readonly passwordFile?: string;
}

/** 160 bits, as a recovery kit has. */
const phraseBytes = 20;
/** Whoever has the storage can try passwords as fast as scrypt lets them. */
const minPasswordCharacters = 16;

/** Makes the key of this computer's backups and prints its phrase, before anything can be locked by it. */
export async function setUp(options: SetupOptions, { signal, view }: Work): Promise<ExitStatus> {
  const dataDir = dataOf(options, 'agent');
  const keyFile = ownKeyPath(dataDir);
  if (await loadOwnKey(dataDir))
    throw new HoldfastError('request.conflict', {
      message: `This computer has a key of its own already: ${keyFile}.`,
      guidance: 'Its phrase can be shown to be on paper with `holdfast zero-knowledge verify`.',
    });
  const createdAt = new Date().toISOString();
  if (options.passwordFile !== undefined) {
    const password = await chosenPassword(options.passwordFile);
    await saveOwnKey(dataDir, { version: 1, password, createdAt });
    if (options.json) await printJson({ kind: 'zero-knowledge', keyFile });
    else
      await printText(
        `The key is in ${keyFile}. Keep the password somewhere else as well: nothing else opens the backups.\n`,
      );
    return exitStatus.success;
  }
  const secret = options.again ? secretOf(await askPhrase(options, signal)) : randomBytes(phraseBytes);
  const document = phraseDocument(secret, createdAt);
  const isNew = options.again !== true;
  const documentFile = isNew && options.out !== undefined ? await writeSecretFile(options.out, document) : undefined;
  if (isNew && documentFile === undefined && !options.json) await print(`${document}\n`);
  await saveOwnKey(dataDir, { version: 1, password: passwordOfPhrase(secret), createdAt });
  if (options.json)
    await printJson({
      kind: 'zero-knowledge',
      keyFile,
      ...(documentFile === undefined ? (isNew ? { document } : {}) : { documentFile }),
    });
  else {
    await printText(`The key is in ${keyFile}.\n`);
    if (documentFile !== undefined)
      await printText(`The recovery phrase is in ${documentFile}: print it, and delete the file.\n`);
    if (isNew) view.note('When it is on paper, show that: `holdfast zero-knowledge verify`.');
  }
  return exitStatus.success;
}

export async function verify(options: PhraseOptions, { signal }: Work): Promise<ExitStatus> {
  const dataDir = dataOf(options, 'agent');
  const own = await loadOwnKey(dataDir);
  if (!own) throw new HoldfastError('zero-knowledge.no-key', { message: `There is no ${ownKeyPath(dataDir)}.` });
  if (ownPasswordOf(await askPhrase(options, signal)) !== own.password)
    throw new HoldfastError('repository.password', {
      message: 'That is not the recovery phrase, or the password, of this computer’s key.',
      guidance:
        'Look for the paper of this computer. If that is lost: as long as this computer is there, so is its password, in the key file.',
    });
  if (options.json) await printJson({ kind: 'zero-knowledge', keyFile: ownKeyPath(dataDir), verified: true });
  else await print('That opens the backups of this computer.\n');
  return exitStatus.success;
}

export async function showPassword(
  options: PhraseOptions & { readonly out?: string; readonly show?: boolean },
  { signal }: Work,
): Promise<ExitStatus> {
  requirePlace(options, 'password');
  const password = ownPasswordOf(await askPhrase(options, signal));
  const file = options.out === undefined ? undefined : await writeSecretFile(options.out, `${password}\n`);
  if (options.json)
    await printJson({ kind: 'password', ...(file === undefined ? { password } : { passwordFile: file }) });
  else await print(file === undefined ? `${password}\n` : `The password is in ${file}.\n`);
  return exitStatus.success;
}

function askPhrase({ phraseFile }: PhraseOptions, signal: AbortSignal): Promise<string> {
  return askSecret({ question: 'Recovery phrase: ', file: phraseFile, option: '--phrase-file', signal });
}

async function chosenPassword(file: string): Promise<string> {
  const password = await readPasswordFile(file);
  const problem =
    password.length < minPasswordCharacters
      ? `has less than ${minPasswordCharacters} characters: whoever has the storage could try such passwords`
      : ownPasswordOf(password) === password
        ? undefined
        : 'is a recovery phrase: give it with --phrase-file';
  if (problem === undefined) return password;
  throw new HoldfastError('usage.option', { message: `The password in ${file} ${problem}.` });
}

function phraseDocument(secret: Uint8Array, createdAt: string): string {
  return `# Recovery phrase of ${hostname()}

Made ${createdAt}. Print this, keep it where neither the computer nor the storage is, and delete the file.
**Whoever has these words and the storage can read every backup of this computer. Who loses the computer and these words loses its
backups: the backup server has no key for them, and its recovery kit does not open them.**

    ${numberedWords(secret).join('\n    ')}

Four letters of each word are enough; they are BIP-39's English words.

To restore at any computer, with a recovery token of the server's administrator. The words are asked for there:

    holdfast recovery restore latest --target FOLDER --server SERVER --ca-fingerprint sha256:…

With the storage and any restic, without a server:

    holdfast zero-knowledge password --out password
    restic -r /srv/holdfast/local/REPOSITORY --password-file password restore latest --target FOLDER

To have a new computer go on with these backups: \`holdfast zero-knowledge setup --again\`.
`;
}
