import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { asBuffer, joinPath, splitPath } from '../byte-path.ts';

/** A folder that is stored under one path and read from another: from a snapshot of its file system. Both are absolute. */
export interface ReadingPlace {
  readonly path: Uint8Array;
  readonly readFrom: Uint8Array;
}

/** Where folders are read that are stored under their own paths. Of nested places the innermost counts. */
export class ReadingPlaces {
  readonly #places: readonly { readonly names: readonly Buffer[]; readonly readFrom: Buffer }[];

  constructor(places: readonly ReadingPlace[] = []) {
    this.#places = places
      .map(({ path, readFrom }) => ({ names: splitPath(asBuffer(path)), readFrom: asBuffer(readFrom) }))
      .sort((a, b) => b.names.length - a.names.length);
  }

  /** The path to open for a folder, or anything in it. */
  of(path: Buffer): Buffer {
    if (this.#places.length === 0) return path;
    const names = splitPath(path);
    const place = this.#places.find((one) => one.names.every((name, at) => names[at]?.equals(name)));
    return place === undefined ? path : names.slice(place.names.length).reduce(joinPath, place.readFrom);
  }

  /** True for the folder with which a place begins: what is in it may lie on another file system than it does. */
  begin(path: Buffer): boolean {
    if (this.#places.length === 0) return false;
    const names = splitPath(path);
    return this.#places.some(
      (one) => one.names.length === names.length && one.names.every((name, at) => names[at]?.equals(name)),
    );
  }
}

/**
 * For sources behind a link, as `/link/file`: links on the way to a source are followed, as the system does, but a folder that
 * is looked into is never opened through one.
 */
export function placesBehindLinks(sources: readonly Buffer[]): ReadingPlace[] {
  const places: ReadingPlace[] = [];
  for (const source of sources) {
    const path = splitPath(source).slice(0, -1).reduce(joinPath, Buffer.from('/'));
    try {
      const readFrom = fs.realpathSync(path, { encoding: 'buffer' });
      if (!readFrom.equals(path)) places.push({ path, readFrom });
    } catch (error) {
      // The backup says what is the matter with it.
      if (errnoOf(error) === undefined) throw error;
    }
  }
  return places;
}
