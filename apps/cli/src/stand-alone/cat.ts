import { createHash } from 'node:crypto';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { findFolder } from '@holdfast/engine';
import {
  configText,
  isObjectId,
  type JsonObjectType,
  masterKeyText,
  type ObjectId,
  parseObjectId,
  type Repository,
  readObjectText,
} from '@holdfast/repository';
import type { CatKind, CatOptions } from '../commands/cat.ts';
import { print } from '../output.ts';
import type { Work } from '../work.ts';
import { openForReading } from './open-for-reading.ts';
import { splitReference } from './snapshot-selection.ts';

const pieceBytes = 4 * 1024 * 1024;

export async function runCat(
  { kind, id }: { readonly kind: CatKind; readonly id: string | undefined },
  options: CatOptions,
  work: Work,
): Promise<ExitStatus> {
  const needsId = kind !== 'config' && kind !== 'masterkey';
  if (needsId !== (id !== undefined))
    throw new HoldfastError('usage.option', {
      message: needsId ? `Of which ${kind}? Its id was not given.` : `There is only one ${kind}: it has no id.`,
    });
  const { repository, signal } = await openForReading(options, work);
  const name = id ?? '';
  switch (kind) {
    case 'config':
      await printIndented(configText(repository), 'The configuration');
      break;
    case 'masterkey':
      await printIndented(masterKeyText(repository), 'The master key');
      break;
    case 'snapshot':
      await printFile(repository, { type: kind, id: (await repository.loadSnapshot(name, { signal })).id, signal });
      break;
    case 'key':
    case 'lock':
    case 'index':
      await printFile(repository, { type: kind, id: await completeId(repository, kind, name, signal), signal });
      break;
    case 'pack':
      return printPack(repository, await completeId(repository, 'data', name, signal), { ...work, signal });
    case 'blob':
      await print(await readBlob(repository, name, signal));
      break;
    case 'tree': {
      const { reference, path } = splitReference(name);
      const { snapshot } = await repository.loadSnapshot(reference, { signal });
      await repository.loadIndex({ signal });
      const tree = await findFolder(repository, { tree: snapshot.tree, path, signal });
      await print(await repository.loadTreeBytes(tree, { signal }));
    }
  }
  return exitStatus.success;
}

/** The only id that begins so. */
async function completeId(
  repository: Repository,
  type: 'key' | 'lock' | 'index' | 'data',
  prefix: string,
  signal: AbortSignal,
): Promise<ObjectId> {
  if (isObjectId(prefix)) return prefix;
  const found = /^[0-9a-f]{1,63}$/.test(prefix)
    ? (await repository.list(type, { signal })).filter(({ id }) => id.startsWith(prefix))
    : [];
  const [only] = found;
  if (only !== undefined && found.length === 1) return parseObjectId(only.id, `The list of type ${type}`);
  throw new HoldfastError(only === undefined ? 'request.missing' : 'usage.option', {
    message: `Of the ids of this kind, ${only === undefined ? 'none begins' : `${found.length} begin`} with ${JSON.stringify(prefix.slice(0, 80))}.`,
    guidance: '`holdfast list` shows them.',
  });
}

async function printFile(
  repository: Repository,
  { type, id, signal }: { readonly type: JsonObjectType; readonly id: ObjectId; readonly signal: AbortSignal },
): Promise<void> {
  const text = await readObjectText(repository, { type, id }, { signal });
  // An index file has megabytes, and programs read it.
  if (type === 'index') await print(`${text.trimEnd()}\n`);
  else await printIndented(text, `The ${type} ${id}`);
}

async function printIndented(json: string, what: string): Promise<void> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new HoldfastError('repository.damaged', { message: `${what} is not JSON.`, cause });
  }
  await print(`${JSON.stringify(value, null, 2)}\n`);
}

/** In pieces, because it may be of any size. What is damaged is printed as well: this is how to look at it. */
async function printPack(repository: Repository, id: ObjectId, { signal, view }: Work): Promise<ExitStatus> {
  const name = { type: 'data', id } as const;
  const info = await repository.target.stat(name, { signal });
  if (info === undefined) throw new HoldfastError('request.missing', { message: `The repository has no pack ${id}.` });
  const content = createHash('sha256');
  for (let offset = 0; offset < info.sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, info.sizeBytes - offset);
    const piece = await repository.target.read(name, { offset, length, signal });
    content.update(piece);
    await print(piece);
  }
  if (content.digest('hex') === id) return exitStatus.success;
  view.problem(new HoldfastError('storage.tampered', { message: `Pack ${id} was damaged or changed.` }));
  return exitStatus.incomplete;
}

async function readBlob(repository: Repository, id: string, signal: AbortSignal): Promise<Uint8Array> {
  if (!isObjectId(id))
    throw new HoldfastError('usage.option', {
      message: `${JSON.stringify(id.slice(0, 80))} is not the whole id of a blob.`,
      guidance: 'See `holdfast list blobs`.',
    });
  const index = await repository.loadIndex({ signal });
  const type = index.lookup(id, 'data') === undefined ? 'tree' : 'data';
  if (index.lookup(id, type) === undefined)
    throw new HoldfastError('request.missing', { message: `The repository has no blob ${id}.` });
  return repository.loadBlob(type, id, { signal });
}
