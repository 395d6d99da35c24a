/**
 * Started by `crash.test.ts` to be killed: stores objects, several at a time, and prints the id of each that is reported
 * stored. Arguments: path, seed, and `once` to stop after the first; or `follow` to list and change what follows from that.
 */
import { once } from 'node:events';
import { contentOf, inParallel, MiB, nameOf } from '../conformance/content.ts';
import { openLocalDisk } from './open-local-disk.ts';

const [path = '', seed = '', how = ''] = process.argv.slice(2);
const target = await openLocalDisk({ path });
if (how === 'follow') await followFromLists();
const numbers = Array.from({ length: how === 'once' ? 1 : how === 'follow' ? 0 : 500 }, (_, index) => index);
await inParallel(numbers, 4, async (number) => {
  const body = contentOf(`${seed} ${number}`, MiB + number);
  const name = nameOf('data', body);
  await target.create(name, [body]);
  if (!process.stdout.write(`${name.id}\n`)) await once(process.stdout, 'drain');
});

/** As a backup of unchanged files, then a prune; between the calls, lines say what is done. */
async function followFromLists(): Promise<void> {
  const [index, data, snapshot, other] = (['index', 'data', 'snapshot', 'data'] as const).map((type, at) => {
    const body = contentOf(`${seed} ${type} ${at}`, 100);
    return { name: nameOf(type, body), body };
  });
  if (index === undefined || data === undefined || snapshot === undefined || other === undefined) return;
  for (const { name, body } of [data, other, index]) await target.create(name, [body]);
  const list = async (type: 'index' | 'snapshot'): Promise<void> => {
    for await (const _page of target.list(type));
  };
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  await list('index');
  say('backup');
  await target.create(snapshot.name, [snapshot.body]);
  await list('index');
  await list('snapshot');
  say('prune');
  await target.delete(index.name);
  say('packs');
  await target.delete(data.name);
  await target.delete(other.name);
}
