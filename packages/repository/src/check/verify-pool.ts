import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { endThread, returnFreedMemory, startThread } from '@holdfast/native';
import type { Target } from '@holdfast/storage';
import { isDamage } from '../damage.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import type { ObjectId } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import { verifyPacks } from './pack-verifier.ts';
import type { PackToVerify } from './pack-windows.ts';
import type { VerifyAnswer, VerifyRequest, VerifyWorkerData } from './verify-worker.ts';

export interface VerifiedPack {
  readonly id: ObjectId;
  readonly sizeBytes: number;
  readonly problems: readonly string[];
}

export interface VerifyOptions {
  readonly target: Target;
  readonly key: RepositoryKey;
  readonly packs: readonly PackToVerify[];
  /** Compares the hash of each pack with its name, too; else blobs and headers alone. */
  readonly hashPacks: boolean;
  readonly onVerified: (pack: VerifiedPack) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies packs in threads, which ask for packs, and for parts of those that are no files of this computer.
 * What is wrong with packs is told to `onVerified`; rejects only with what keeps the work from going on.
 */
export async function verifyInThreads(options: VerifyOptions): Promise<void> {
  const { packs, signal } = options;
  if (packs.length === 0) return;
  const totalBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (totalBytes <= limits.checkAloneBytes) return verifyHere(options);
  // What opening the repository took, the key derivation above all, would stay with the process for as long as it reads.
  returnFreedMemory();
  const threads = Math.min(availableParallelism(), limits.checkThreads, packs.length);
  // Few packs are spread over the threads rather than over the lanes of one.
  const lanes = Math.min(lanesOf(options), Math.ceil(packs.length / threads));
  const waiting = packs.values();
  const ended = new AbortController();
  const combined = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
  const workerData: VerifyWorkerData = { key: options.key, lanes, hashPacks: options.hashPacks };
  const resourceLimits = { maxYoungGenerationSizeMb: limits.checkWorkerYoungGenerationMb };
  const workers = Array.from({ length: threads }, () =>
    startThread(new URL('./verify-worker.ts', import.meta.url), { workerData, resourceLimits }),
  );
  try {
    await Promise.all(workers.map((worker) => serve(worker, { ...options, signal: combined }, waiting)));
  } finally {
    ended.abort();
    await Promise.all(workers.map(endThread));
  }
}

/** In the calling thread: starting others costs more than so little work. */
function verifyHere({ target, key, packs, hashPacks, onVerified, signal }: VerifyOptions): Promise<void> {
  const waiting = packs.values();
  return verifyPacks({
    cipher: new BlobCipher(key),
    key,
    lanes: Math.min(lanesOf({ hashPacks }), packs.length),
    hashPacks,
    next: async () => waiting.next().value,
    read: ({ id }, { offset, length }, into) => target.read({ type: 'data', id }, { offset, length, into, signal }),
    onVerified: ({ id, sizeBytes }, problems) => onVerified({ id, sizeBytes, problems }),
  });
}

/** Where packs are not hashed as well, twice as many of them fill the lanes. */
function lanesOf({ hashPacks }: { readonly hashPacks: boolean }): number {
  return hashPacks ? limits.checkLanes : 2 * limits.checkLanes;
}

/** Answers one thread until it is done. */
function serve(
  worker: Worker,
  options: VerifyOptions & { readonly signal: AbortSignal },
  waiting: Iterator<PackToVerify, undefined>,
): Promise<void> {
  const { target, signal, onVerified } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const answer = (it: VerifyAnswer): void => worker.postMessage(it);
  const read = async (request: Extract<VerifyRequest, { kind: 'read' }>): Promise<void> => {
    const { number, id, offset, length, into } = request;
    try {
      const bytes = await target.read({ type: 'data', id }, { offset, length, into, signal });
      if (bytes.buffer !== into.buffer) into.set(bytes);
      answer({ number });
    } catch (error) {
      if (!isDamage(error)) throw error;
      answer({ number, error: error.toJSON() });
    }
  };
  worker.on('message', (request: VerifyRequest) => {
    if (request.kind === 'done') resolve();
    else if (request.kind === 'verified') onVerified(request);
    else if (request.kind === 'read') read(request).catch(reject);
    else if (signal.aborted) reject(signal.reason);
    else {
      const next = waiting.next();
      const pack = next.done === true ? undefined : next.value;
      answer({
        number: request.number,
        pack: pack && { ...pack, file: target.localFile?.({ type: 'data', id: pack.id }) },
      });
    }
  });
  worker.once('error', reject);
  worker.once('exit', (code) =>
    reject(new HoldfastError('internal.unexpected', { message: `A verifying thread ended by itself (${code}).` })),
  );
  signal.addEventListener('abort', () => reject(toHoldfastError(signal.reason)), { once: true });
  return promise;
}
