/** Worker thread entry: verifies packs, so that a check uses all cores. */
import { parentPort, workerData } from 'node:worker_threads';
import { BlobCipher } from './blob-cipher.ts';
import type { ObjectId } from './object-id.ts';
import { isRepositoryKey } from './repository-key.ts';
import { verifyPack } from './verify-pack.ts';

export interface VerifyRequest {
  readonly id: ObjectId;
  readonly bytes: Uint8Array;
  readonly indexDigest: string;
}

const key: unknown = workerData;
if (!isRepositoryKey(key)) throw new Error('a verifying thread needs the repository key');
const cipher = new BlobCipher(key);
parentPort?.on('message', (request: VerifyRequest) => parentPort?.postMessage(verifyPack(cipher, request)));
