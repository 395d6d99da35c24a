/** Worker thread entry: verifies sealed blobs and puts them into new packs. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorReport, toHoldfastError } from '@holdfast/core';
import { endOfThread } from '@holdfast/native';
import { isRepositoryKey } from '../format/repository-key.ts';
import type { FinishedPack, PartialPack } from '../packs/pack-builder.ts';
import { type PackPart, Repacker, type RepackKeys } from './repacker.ts';

/** A part of a pack; or: gives what is in no full pack. */
export type RepackRequest = PackPart | 'flush';

export interface Repacked {
  readonly packs: readonly FinishedPack[];
  readonly partials: readonly PartialPack[];
}

export type RepackAnswer = Repacked | { readonly problem: ErrorReport };

const keys: unknown = workerData;
if (!areKeys(keys)) throw new Error('a thread that packs again needs the keys');
const repacker = new Repacker(keys);

function answer(request: RepackRequest): RepackAnswer {
  try {
    if (request === 'flush') return { packs: [], partials: repacker.flush() };
    return { packs: repacker.add(request), partials: [] };
  } catch (error) {
    return { problem: toHoldfastError(error).toJSON() };
  }
}

parentPort?.on('message', (request: RepackRequest | typeof endOfThread) => {
  if (request === endOfThread) parentPort?.close();
  else parentPort?.postMessage(answer(request));
});

function areKeys(value: unknown): value is RepackKeys {
  if (typeof value !== 'object' || value === null || !('source' in value) || !isRepositoryKey(value.source))
    return false;
  return !('target' in value) || value.target === undefined || isRepositoryKey(value.target);
}
