/**
 * Started by `crash.test.ts` to be killed: stores objects, several at a time, and prints the id of each that is reported
 * stored. Arguments: path, seed, and `once` to stop after the first.
 */
import { once } from 'node:events';
import { contentOf, inParallel, MiB, nameOf } from '../conformance/content.ts';
import { openLocalDisk } from './open-local-disk.ts';

const [path = '', seed = '', how = ''] = process.argv.slice(2);
const target = await openLocalDisk({ path });
const numbers = Array.from({ length: how === 'once' ? 1 : 500 }, (_, index) => index);
await inParallel(numbers, 4, async (number) => {
  const body = contentOf(`${seed} ${number}`, MiB + number);
  const name = nameOf('data', body);
  await target.create(name, [body]);
  if (!process.stdout.write(`${name.id}\n`)) await once(process.stdout, 'drain');
});
