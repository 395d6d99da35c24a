import { nameOfKey, type StorageState } from '@holdfast/storage/testing';
import type { Archive } from './archive.ts';
import type { RuleBook } from './rule-book.ts';

/** What must be in a state besides what its own objects promise. */
export interface Expectation {
  /** Snapshots that somebody was told of and nobody has begun to remove. */
  readonly reported: ReadonlySet<string>;
  /** By the id of a root tree, or by a path that only one source has: its files, path to content. */
  readonly sources: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The configuration, once there is one. */
  readonly config: Uint8Array | undefined;
}

/** Judges a state that a crash may leave. Every rule is a function of its own, named after its number in docs/invariants.md. */
export function checkState(state: StorageState, archive: Archive, expected: Expectation, rules: RuleBook): void {
  const indexed = rule1(state, archive, rules);
  rule2(state, indexed, archive, rules);
  rule3(state, expected, rules);
  rule4(state, archive, expected, rules);
  rules6And7(state, archive, rules);
  rule8(state, expected, rules);
}

/** Every pack that an index names is there, and has what the index says where it says. Gives all blobs that can be found. */
function rule1(state: StorageState, archive: Archive, rules: RuleBook): ReadonlySet<string> {
  const indexed = new Set<string>();
  for (const id of idsOf(state, 'index'))
    for (const { id: packId, blobs } of archive.index(id)) {
      const has = state.has(`data/${packId}`);
      rules.require(1, has, () => `index ${id} names the missing pack ${packId}`);
      // That is what remains of rule 5 besides: what is referenced is whole.
      const header = archive.pack(packId);
      rules.require(
        5,
        blobs.every(({ key, offset, length }) => {
          const place = header.get(key);
          return place?.offset === offset && place.length === length;
        }),
        () => `index ${id} says something else about pack ${packId} than its header`,
      );
      if (has) for (const { key } of blobs) indexed.add(key);
    }
  return indexed;
}

/** Every blob that a snapshot needs is named by an index. */
function rule2(state: StorageState, indexed: ReadonlySet<string>, archive: Archive, rules: RuleBook): void {
  for (const id of idsOf(state, 'snapshot')) {
    const lost = [...archive.contentOf(id).blobs].filter((key) => !indexed.has(key));
    rules.require(
      2,
      lost.length === 0,
      () => `snapshot ${id} needs ${lost.length} blobs that no index has: ${lost[0]}`,
    );
  }
}

/** Every snapshot that was reported is there. */
function rule3(state: StorageState, { reported }: Expectation, rules: RuleBook): void {
  for (const id of reported)
    rules.require(3, state.has(`snapshot/${id}`), () => `snapshot ${id} was reported and is gone`);
}

/** Every snapshot has all files of a source, reported or not: there is no partial one. */
function rule4(state: StorageState, archive: Archive, { sources }: Expectation, rules: RuleBook): void {
  for (const id of idsOf(state, 'snapshot')) {
    const content = archive.contentOf(id);
    const { tree = '', paths = [] } = archive.snapshot(id) ?? {};
    const source = sources.get(tree) ?? sources.get(paths[0] ?? '');
    rules.require(4, source !== undefined, () => `snapshot ${id} is of no source that anybody backed up`);
    const same =
      content.missing.length === 0 &&
      content.files.size === source?.size &&
      [...content.files].every(([path, blobs]) => source.get(path) === blobs);
    rules.require(4, same, () => `snapshot ${id} does not have the files of its source`);
  }
}

/** What is under a name is what was first stored there, whole; and that was what the name says (`Archive.learn`). */
function rules6And7(state: StorageState, archive: Archive, rules: RuleBook): void {
  for (const [key, bytes] of state) {
    const first = archive.bytesOf(key);
    rules.require(7, first !== undefined, () => `${key} appeared without having been stored`);
    rules.require(6, first === bytes || (first !== undefined && Buffer.compare(first, bytes) === 0), () => {
      return `${key} was overwritten`;
    });
  }
}

/** The configuration is the one that was made first. */
function rule8(state: StorageState, { config }: Expectation, rules: RuleBook): void {
  if (config === undefined) return;
  const found = state.get('config/');
  rules.require(
    8,
    found !== undefined && Buffer.compare(found, config) === 0,
    () => 'the configuration is another one',
  );
}

export function idsOf(state: StorageState, type: 'index' | 'snapshot' | 'data' | 'lock'): string[] {
  const ids: string[] = [];
  for (const key of state.keys()) if (key.startsWith(`${type}/`)) ids.push(nameOfKey(key).id);
  return ids;
}
