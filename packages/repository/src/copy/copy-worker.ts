/** Worker thread entry: opens and verifies blobs with the source's key, and seals them with the target's. */
import { parentPort, workerData } from 'node:worker_threads';
import { toHoldfastError } from '@holdfast/core';
import { BlobCipher } from '../format/blob-cipher.ts';
import { isRepositoryKey } from '../format/repository-key.ts';
import { type SealRequest, sealAgain } from '../packs/seal-again.ts';

const keys: unknown = workerData;
const keyOf = (name: string): BlobCipher => {
  const key: unknown = typeof keys === 'object' && keys !== null ? Reflect.get(keys, name) : undefined;
  if (!isRepositoryKey(key)) throw new Error('a copying thread needs the keys of both repositories');
  return new BlobCipher(key);
};
const ciphers = { source: keyOf('source'), target: keyOf('target') };
parentPort?.on('message', (request: SealRequest) => {
  try {
    parentPort?.postMessage({ partial: sealAgain(ciphers, request) });
  } catch (error) {
    parentPort?.postMessage({ problem: toHoldfastError(error).toJSON() });
  }
});
