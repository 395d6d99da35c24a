import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { z } from 'zod';
import { JsonSource } from './json-source.ts';
import { maxHosts, maxIncludedFiles, maxTopologyBytes, maxZones } from './limits.ts';
import { Problems } from './problems.ts';
import { resolveTopology } from './resolve.ts';
import { includedDocument, type TopologyDocument, topologyDocument } from './schema.ts';
import { describeIssues } from './schema-issues.ts';
import type { Source, SourceForm } from './source.ts';
import type { Topology } from './topology.ts';
import { YamlSource } from './yaml-source.ts';

/** A file of a topology. */
export interface TopologyFile {
  readonly source: Source;
  /** What of it agrees with the schema. */
  readonly document: Partial<TopologyDocument>;
  /** Names of entries that do not. */
  readonly mistaken: Partial<Record<Section, ReadonlySet<string>>>;
}

export type Section = 'zones' | 'hosts' | 'neighbours';

/**
 * Reads `topology.yaml` and what it includes. All mistakes are reported at once, each with file, line and column:
 * `topology.invalid`. Nothing outside of the file's own folder is read.
 */
export async function loadTopology(path: string): Promise<Topology> {
  const problems = new Problems();
  const files: TopologyFile[] = [];
  const root = dirname(resolve(path));
  const bytes = await readBounded(path);
  const first = take(path, bytes, topologyDocument, problems);
  if (first)
    await include(first, {
      root,
      files,
      problems,
      open: [resolve(path)],
      bytes: { left: maxTopologyBytes - bytes.length },
    });
  const topology = resolveTopology(files, problems);
  problems.throwIfAny();
  if (!topology) throw new TypeError('a topology without problems is one');
  return topology;
}

/** Reads a topology that is one text, for example what a server has exported. `file` is the name in messages. */
export function parseTopology(text: string | Uint8Array, file = 'topology.yaml'): Topology {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  return throwing(oneText((problems) => YamlSource.read({ file, bytes, form: topologyForm, problems })));
}

/** As `parseTopology`, for JSON, and much faster. Mistakes are named by their paths: `topology:/hosts/srv/zone`. */
export function parseTopologyJson(text: string, file: string): Topology {
  return throwing(readTopologyJson(text, file));
}

/** A topology, or what is wrong with it. */
export interface TopologyReading {
  readonly topology: Topology | undefined;
  readonly problems: Problems;
}

/** As `parseTopologyJson`, for whoever can go on without what is mistaken. */
export function readTopologyJson(text: string, file: string): TopologyReading {
  return oneText((problems) => JsonSource.read({ file, text, form: topologyForm, problems }));
}

function oneText(read: (problems: Problems) => ReadSource): TopologyReading {
  const problems = new Problems();
  const first = fileFrom(read(problems), topologyDocument);
  if (first?.document.include) first.source.report(['include'], 'there are no other files here to include', 'key');
  const topology = first && resolveTopology([first], problems);
  return { topology: problems.isEmpty ? topology : undefined, problems };
}

function throwing({ topology, problems }: TopologyReading): Topology {
  problems.throwIfAny();
  if (!topology) throw new TypeError('a topology without problems is one');
  return topology;
}

function take(file: string, bytes: Uint8Array, schema: z.ZodType, problems: Problems): TopologyFile | undefined {
  return fileFrom(YamlSource.read({ file, bytes, form: topologyForm, problems }), schema);
}

type ReadSource = { readonly source: Source; readonly value: unknown } | undefined;

function fileFrom(read: ReadSource, schema: z.ZodType): TopologyFile | undefined {
  if (!read) return undefined;
  const { source, value } = read;
  const section = tooLarge(value as Record<string, unknown>);
  if (section !== undefined) {
    source.report([section.name], section.message, 'key');
    return undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { source, document: parsed.data as Partial<TopologyDocument>, mistaken: {} };
  const { issues } = parsed.error;
  for (const { path, at, message } of describeIssues(issues, value)) source.report(path, message, at);
  return { source, ...withoutMistakes(value as Record<string, unknown>, issues) };
}

/** Checked before anything else, as everything else takes its time. */
function tooLarge(value: Readonly<Record<string, unknown>>): { name: string; message: string } | undefined {
  const limits = { hosts: maxHosts, neighbours: maxHosts, zones: maxZones } as const;
  for (const [name, limit] of Object.entries(limits)) {
    const count = Object.keys(value[name] ?? {}).length;
    if (count > limit)
      return { name, message: `there are ${count} ${name}; at most ${limit} are possible. ${prefixHint}` };
  }
  return undefined;
}

const prefixHint = 'A prefix stands for many computers in one entry.';

const topologyForm: SourceForm = {
  noun: 'topology',
  maxBytes: maxTopologyBytes,
  hint: prefixHint,
  outline: 'zones:, hosts:, neighbours: …',
  // Every host and neighbour has roles.
  counted: {
    key: 'roles',
    most: maxHosts,
    message: `there are more than ${maxHosts} hosts and neighbours. ${prefixHint}`,
  },
};

/** What agrees with the schema is checked further, so that all mistakes show at once; what does not would only mislead. */
function withoutMistakes(
  value: Readonly<Record<string, unknown>>,
  issues: readonly z.core.$ZodIssue[],
): Pick<TopologyFile, 'document' | 'mistaken'> {
  const unusable = new Set<string>();
  const mistaken: Partial<Record<Section, Set<string>>> = {};
  for (const { path, ...issue } of issues) {
    const [section, name] = path;
    if (section === undefined)
      for (const key of issue.code === 'unrecognized_keys' ? issue.keys : []) unusable.add(key);
    else if (isNamed(section) && name !== undefined) (mistaken[section] ??= new Set()).add(String(name));
    else unusable.add(String(section));
  }
  const usable = Object.entries(value).filter(([key]) => !unusable.has(key));
  const document = usable.map(([key, content]) => {
    const wrong = isNamed(key) ? mistaken[key] : undefined;
    const entries = Object.entries(content ?? {});
    return [key, wrong ? Object.fromEntries(entries.filter(([name]) => !wrong.has(name))) : content];
  });
  return { document: Object.fromEntries(document) as Partial<TopologyDocument>, mistaken };
}

function isNamed(section: PropertyKey): section is Section {
  return section === 'zones' || section === 'hosts' || section === 'neighbours';
}

interface Inclusion {
  readonly root: string;
  readonly files: TopologyFile[];
  readonly problems: Problems;
  /** The files that lead here, the first one first. */
  readonly open: readonly string[];
  readonly bytes: { left: number };
}

async function include(file: TopologyFile, o: Inclusion): Promise<void> {
  const { files, root } = o;
  files.push(file);
  const here = o.open.at(-1) ?? '';
  for (const [index, given] of (file.document.include ?? []).entries()) {
    const report = (message: string): void => file.source.report(['include', index], message);
    const path = resolve(dirname(here), given);
    if (isAbsolute(given)) report(`${given}: give the path relative to this file`);
    else if (leaves(root, path))
      report(`${given} is outside of ${root}: a topology includes only what is in its own folder`);
    else if (o.open.includes(path))
      report(`${given} includes itself: ${[...o.open, path].map((one) => basename(one)).join(' -> ')}`);
    else if (files.some(({ source }) => resolve(source.file) === path)) report(`${given} is included twice`);
    else if (files.length > maxIncludedFiles) return report(`more than ${maxIncludedFiles} files are included`);
    else {
      const bytes = await readIncluded(path, { root, report });
      if (!bytes) continue;
      o.bytes.left -= bytes.length;
      if (o.bytes.left < 0) return report(`all files together have more than ${maxTopologyBytes} bytes`);
      const name = join(dirname(file.source.file), given);
      const included = take(name, bytes, includedDocument, o.problems);
      if (included) await include(included, { ...o, open: [...o.open, path] });
    }
  }
}

function leaves(root: string, path: string): boolean {
  const inside = relative(root, path);
  return /^\.\.(?:$|[/\\])/.test(inside) || isAbsolute(inside);
}

async function readIncluded(
  path: string,
  o: { root: string; report: (message: string) => void },
): Promise<Uint8Array | undefined> {
  try {
    // A link may not lead elsewhere, either.
    if (leaves(await realpath(o.root), await realpath(path))) {
      o.report(`${path} is a link that leads out of ${o.root}`);
      return undefined;
    }
    if (!(await stat(path)).isFile()) {
      o.report(`${path} is no file`);
      return undefined;
    }
    return await readBounded(path);
  } catch (error) {
    const cause = error instanceof HoldfastError ? error.message : (errnoOf(error) ?? String(error));
    o.report(cause === 'ENOENT' ? `there is no file ${path}` : `${path} can't be read: ${cause}`);
    return undefined;
  }
}

/** Throws `usage.configuration` for what is no readable file; a pipe is one. Never reads more than is allowed. */
async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of createReadStream(path)) {
      parts.push(part as Uint8Array);
      bytes += (part as Uint8Array).length;
      if (bytes > maxTopologyBytes)
        throw new HoldfastError('topology.invalid', {
          message: `${path}:1:1: the file has more than ${maxTopologyBytes} bytes, the most that a topology may have.`,
          guidance: prefixHint,
        });
    }
    return Buffer.concat(parts);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new HoldfastError('usage.configuration', {
      message: code === 'ENOENT' ? `There is no file ${path}.` : `${path} can't be read: ${code}.`,
      guidance: 'Give the path of a topology file; `holdfast ports init` writes one.',
      cause: error,
    });
  }
}
