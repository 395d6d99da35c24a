import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { IndexFilePack } from '../format/index-file.ts';
import { encodePackEntry, indexBeginning, indexEnd } from '../format/index-file.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { initRepository } from '../open-repository.ts';
import { PruneIndex } from '../prune/prune-index.ts';
import type { Repository } from '../repository.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { cheapKey, samplePassword } from '../testing/sample-repository.ts';
import { rewriteIndexes } from './rewrite-indexes.ts';

const signal = new AbortController().signal;
const idOf = (text: string): ObjectId => objectIdOf(hash('sha256', text, 'buffer'));

function listed(id: ObjectId, names: readonly string[]): IndexFilePack {
  return {
    id,
    blobs: names.map((name, at) => ({
      id: idOf(name),
      type: 'data',
      offset: at * 100,
      length: 100,
      uncompressedLength: 0,
    })),
  };
}

function save(repository: Repository, packs: readonly IndexFilePack[]): Promise<ObjectId> {
  const text = packs.map((pack) => encodePackEntry(pack).toString()).join(',');
  return repository.saveIndexText(Buffer.from(indexBeginning + text + indexEnd));
}

test('a pack is written once, but where index files contradict each other nothing that one of them says is lost', async () => {
  const repository = await initRepository(new MemoryTarget(), { password: samplePassword, keyOptions: cheapKey });
  const [odd, even] = [objectIdOf(randomBytes(32)), objectIdOf(randomBytes(32))];
  await save(repository, [listed(odd, ['a', 'b']), listed(even, ['x'])]);
  await save(repository, [listed(odd, ['a', 'c'])]);
  await save(repository, [listed(even, ['x'])]);
  const old = await repository.list('index');
  const index = await PruneIndex.load(repository, { onFile: () => {}, signal });
  const [stays] = old;
  assert.ok(stays);
  for (const obsolete of [[...index.files()], [...index.files()].filter(({ id }) => id !== stays.id)]) {
    const written = await rewriteIndexes(repository, index, { obsolete, isDropped: () => false, signal });
    const ids = new Set<string>([...written, ...(obsolete.length < old.length ? [stays.id] : [])]);
    const infos = (await repository.list('index')).filter(({ id }) => ids.has(id));
    const packs: IndexFilePack[] = [];
    for await (const file of repository.readIndexFiles(infos)) packs.push(...('packs' in file ? file.packs : []));
    const blobs = packs.filter(({ id }) => id === odd).flatMap((pack) => pack.blobs.map(({ id }) => id));
    assert.deepEqual(new Set(blobs), new Set([idOf('a'), idOf('b'), idOf('c')]));
    assert.equal(packs.filter(({ id }) => id === even).length, 1);
  }
});
