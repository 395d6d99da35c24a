/** Worker thread entry: verifies packs, so that a check uses all cores. What is no file of this computer is read by the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorReport, HoldfastError } from '@holdfast/core';
import { endOfThread } from '@holdfast/native';
import { BlobCipher } from '../format/blob-cipher.ts';
import type { ObjectId } from '../format/object-id.ts';
import { isRepositoryKey, type RepositoryKey } from '../format/repository-key.ts';
import { LocalPackReader } from './local-pack-reader.ts';
import { verifyPacks } from './pack-verifier.ts';
import type { PackToVerify } from './pack-windows.ts';

export interface VerifyWorkerData {
  readonly key: RepositoryKey;
  readonly lanes: number;
  readonly hashPacks: boolean;
}

export type VerifyRequest =
  | { readonly kind: 'next'; readonly number: number }
  | {
      readonly kind: 'read';
      readonly number: number;
      readonly id: ObjectId;
      readonly offset: number;
      readonly length: number;
      /** Shared memory, filled when the answer comes. */
      readonly into: Uint8Array;
    }
  | {
      readonly kind: 'verified';
      readonly id: ObjectId;
      readonly sizeBytes: number;
      readonly problems: readonly string[];
    }
  | { readonly kind: 'done' };

export interface VerifyAnswer {
  readonly number: number;
  /** For 'next'; undefined when there is none any more. */
  readonly pack?: PackToVerify | undefined;
  /** What kept a read from being done. */
  readonly error?: ErrorReport | undefined;
}

const data: unknown = workerData;
if (!isWorkerData(data) || parentPort === null) throw new Error('a verifying thread needs the repository key');
const port = parentPort;
const files = new LocalPackReader();
const waiting = new Map<number, (answer: VerifyAnswer) => void>();
let number = 0;
port.on('message', (answer: VerifyAnswer | typeof endOfThread) => {
  // It may wait for an answer, so closing the port would not be enough.
  if (answer === endOfThread) process.exit();
  waiting.get(answer.number)?.(answer);
  waiting.delete(answer.number);
});

function ask(request: (number: number) => VerifyRequest): Promise<VerifyAnswer> {
  number += 1;
  const asked = number;
  const { promise, resolve } = Promise.withResolvers<VerifyAnswer>();
  waiting.set(asked, resolve);
  port.postMessage(request(asked));
  return promise;
}

await verifyPacks({
  cipher: new BlobCipher(data.key),
  key: data.key,
  lanes: data.lanes,
  hashPacks: data.hashPacks,
  next: async () => (await ask((number) => ({ kind: 'next', number }))).pack,
  read: async (pack, { offset, length }, into) => {
    if (files.read(pack, offset, into)) return into;
    const { id } = pack;
    const { error } = await ask((number) => ({ kind: 'read', number, id, offset, length, into }));
    if (error !== undefined) throw HoldfastError.fromReport(error);
    return into;
  },
  onVerified: ({ id, sizeBytes }, problems) => {
    files.close(id);
    tell({ kind: 'verified', id, sizeBytes, problems });
  },
});
tell({ kind: 'done' });

function tell(request: VerifyRequest): void {
  port.postMessage(request);
}

function isWorkerData(value: unknown): value is VerifyWorkerData {
  return typeof value === 'object' && value !== null && 'key' in value && isRepositoryKey(value.key);
}
