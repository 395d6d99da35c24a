import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { SeededRandom } from '@holdfast/storage/testing';

/** Stands in every lock, and so in its name; of a process that is there, or locks would count as abandoned. */
const livingPid = process.platform === 'win32' ? 4 : 1;

/**
 * Until it is disposed, everything that this thread draws at random comes from the seed: nonces, and so the names of all
 * objects, and so every list and the order of everything. Without it no seed could repeat a run. Keys made meanwhile are
 * worthless.
 */
export function seedEntropy(seed: number): Disposable {
  const random = new SeededRandom(seed);
  const kept = {
    randomFillSync: crypto.randomFillSync,
    randomBytes: crypto.randomBytes,
    randomInt: crypto.randomInt,
    random: Math.random,
    pid: process.pid,
  };
  const fill = <T extends NodeJS.ArrayBufferView>(view: T): T => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let at = 0; at < bytes.length; at += 4) {
      const word = random.below(2 ** 32);
      for (let byte = 0; byte < 4 && at + byte < bytes.length; byte += 1) bytes[at + byte] = word >>> (8 * byte);
    }
    return view;
  };
  Object.assign(crypto, {
    randomFillSync: fill,
    randomBytes: (sizeBytes: number) => fill(Buffer.alloc(sizeBytes)),
    randomInt: (end: number) => Math.floor(random.next() * end),
  });
  Math.random = () => random.next();
  Object.defineProperty(process, 'pid', { value: livingPid, configurable: true });
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]: () => {
      const { randomFillSync, randomBytes, randomInt } = kept;
      Object.assign(crypto, { randomFillSync, randomBytes, randomInt });
      Math.random = kept.random;
      Object.defineProperty(process, 'pid', { value: kept.pid, configurable: true });
      syncBuiltinESMExports();
    },
  };
}
