import { maxDepth } from './limits.ts';

export type Path = readonly PropertyKey[];

/** What files of a kind are, for messages, and their bounds. */
export interface SourceForm {
  /** `topology`. */
  readonly noun: string;
  readonly maxBytes: number;
  /** What to do about a file that is larger. */
  readonly hint: string;
  /** What stands in it, to begin with: `zones:, hosts:, neighbours: …`. */
  readonly outline: string;
  /** A key that every entry has, by which they are counted before anything spends its time and memory on them. */
  readonly counted?: { readonly key: string; readonly most: number; readonly message: string };
}

/** A text whose values know where they stand. */
export interface Source {
  readonly file: string;
  /** Adds a problem at a value, or at the key that leads to it. */
  report(path: Path, message: string | (() => string), at?: 'key' | 'value'): void;
  /** `topology.yaml:4:3`, and of JSON `topology:/hosts/srv`. */
  place(path: Path): string;
}

export const nestedTooDeeply = `more than ${maxDepth} values within each other`;
