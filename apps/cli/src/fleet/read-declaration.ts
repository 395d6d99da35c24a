import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Path, Problems, type Source, type SourceForm, YamlSource } from '@holdfast/contract/topology';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';
import { maxDeclarationBytes, maxDeclarationFiles } from './limits.ts';
import { type DeclaredDefinition, type DeclaredGroup, type FleetDocument, fleetDocument } from './schema.ts';
import { describeIssue } from './schema-issues.ts';

/** An entry of a file, which knows where it stands. */
export interface Entry<Value> {
  readonly name: string;
  readonly value: Value;
  /** Adds a mistake at a field of it, or at its name. */
  report(field: Path, message: string): void;
  /** `fleet.yaml:4:3`. */
  readonly place: string;
}

/** What files declare together. */
export interface Declaration {
  readonly name: string;
  readonly groups: ReadonlyMap<string, Entry<DeclaredGroup>>;
  readonly jobs: ReadonlyMap<string, Entry<DeclaredDefinition>>;
  readonly policies: ReadonlyMap<string, Entry<DeclaredDefinition>>;
  /** For what is wrong beyond the form; thrown by whoever has found all of it. */
  readonly problems: Problems;
}

const form: SourceForm = {
  noun: 'declaration',
  maxBytes: maxDeclarationBytes,
  hint: 'Name groups in the place of computers.',
  outline: 'name:, groups:, jobs:, policies:',
};

interface Read {
  readonly source: Source;
  readonly document: FleetDocument;
}

/**
 * Reads files, folders (what ends in .yaml, .yml or .json there, not below) and `-`, standard input. Throws `declaration.invalid` with
 * all mistakes of form, and `usage.option` for what can't be read.
 */
export async function readDeclaration(paths: readonly string[]): Promise<Declaration> {
  const problems = new Problems({ code: 'declaration.invalid', what: 'The declaration' });
  const files: Read[] = [];
  let bytesLeft = maxDeclarationBytes;
  for (const path of await filesOf(paths)) {
    const bytes = await readBounded(path, bytesLeft);
    bytesLeft -= bytes.length;
    const file = take(path === '-' ? 'standard input' : path, bytes, problems);
    if (file) files.push(file);
  }
  problems.throwIfAny();
  const [first] = files;
  if (!first) throw new TypeError('there is a file, and it has no problems');
  for (const { source, document } of files)
    if (document.name !== first.document.name)
      source.report(
        ['name'],
        `${document.name}, and ${first.document.name} in ${first.source.file}: files that are applied together have one name`,
      );
  return {
    name: first.document.name,
    groups: entriesOf(files, 'groups'),
    jobs: entriesOf(files, 'jobs'),
    policies: entriesOf(files, 'policies'),
    problems,
  };
}

function take(file: string, bytes: Uint8Array, problems: Problems): Read | undefined {
  const read = YamlSource.read({ file, bytes, form, problems });
  if (!read) return undefined;
  const { source, value } = read;
  const parsed = fleetDocument.safeParse(value);
  if (parsed.success) return { source, document: parsed.data };
  for (const issue of parsed.error.issues)
    for (const { path, at, message } of describeIssue(issue, value)) source.report(path, message, at);
  return undefined;
}

function entriesOf<Section extends 'groups' | 'jobs' | 'policies'>(
  files: readonly Read[],
  section: Section,
): ReadonlyMap<string, Entry<FleetDocument[Section][string]>> {
  const entries = new Map<string, Entry<FleetDocument[Section][string]>>();
  for (const { source, document } of files)
    for (const [name, value] of Object.entries(document[section]) as [string, FleetDocument[Section][string]][]) {
      const report = (field: Path, message: string): void =>
        source.report([section, name, ...field], message, field.length === 0 ? 'key' : 'value');
      const earlier = entries.get(name);
      if (earlier) report([], `${name} is declared twice; first at ${earlier.place}`);
      else entries.set(name, { name, value, report, place: source.place([section, name]) });
    }
  return entries;
}

async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (path === '-' || !(await isFolder(path))) {
      files.push(path);
      continue;
    }
    const names = (await readdir(resolvePath(path))).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
    if (names.length === 0)
      throw new HoldfastError('usage.option', { message: `${path} has no file that ends in .yaml, .yml or .json.` });
    if (names.length > maxDeclarationFiles)
      throw new HoldfastError('usage.option', { message: `${path} has more than ${maxDeclarationFiles} files.` });
    files.push(...names.map((name) => join(path, name)));
  }
  return files;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(resolvePath(path))).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of path === '-' ? process.stdin : createReadStream(resolvePath(path))) {
      parts.push(part as Uint8Array);
      bytes += (part as Uint8Array).length;
      // What is said about it is the same as of one file that is too large.
      if (bytes > maxBytes) break;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (bytes > maxBytes)
    throw new HoldfastError('declaration.invalid', {
      message: `${path}:1:1: with this file the declaration has more than ${maxDeclarationBytes} bytes.`,
      guidance: form.hint,
    });
  return Buffer.concat(parts);
}

function unreadable(path: string, cause: unknown): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `${path} can't be read: ${errnoOf(cause) ?? String(cause)}.`,
    guidance: 'Give a file, a folder of files, or - for standard input.',
    cause,
  });
}
