import { randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { isIrreducible, newChunkerPolynomial } from './chunker-polynomial.ts';
import { JsonRecord } from './json-record.ts';
import { type ObjectId, objectIdOf } from './object-id.ts';

export interface RepositoryConfig {
  /** 2; version 1, without compression, is only read. */
  readonly version: 1 | 2;
  /** Random; it is not the hash of anything. */
  readonly id: ObjectId;
  /** Hexadecimal. For restic; Holdfast's chunker takes its table from the master key. */
  readonly chunkerPolynomial: string;
}

export function newConfig(chunkerPolynomial: string = newChunkerPolynomial().toString(16)): RepositoryConfig {
  return { version: 2, id: objectIdOf(randomBytes(32)), chunkerPolynomial };
}

/** The plain bytes of `config`, which is sealed but never compressed. */
export function encodeConfig(config: RepositoryConfig): Buffer {
  return Buffer.from(
    JSON.stringify({ version: config.version, id: config.id, chunker_polynomial: config.chunkerPolynomial }),
  );
}

/** @throws repository.version, repository.damaged */
export function decodeConfig(json: Uint8Array): RepositoryConfig {
  const record = JsonRecord.parse(json, 'The configuration of the repository');
  const version = record.count('version');
  if (version !== 1 && version !== 2)
    throw new HoldfastError('repository.version', {
      message: `The repository has format version ${version}; versions 1 (reading only) and 2 are supported.`,
    });
  const chunkerPolynomial = record.text('chunker_polynomial');
  if (!/^[0-9a-f]{1,16}$/.test(chunkerPolynomial) || !isIrreducible(BigInt(`0x${chunkerPolynomial}`)))
    throw new HoldfastError('repository.damaged', {
      message: 'The chunker polynomial in the configuration of the repository is not valid.',
    });
  return { version, id: record.id('id'), chunkerPolynomial };
}
