import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import type { Check, Finding } from './check.ts';
import { isTest, minimumSourceFiles, sourceFiles } from './source-files.ts';
import { type ImportUse, readSource, type SourceFile } from './syntax.ts';

/** Which packages each package may import. docs/architecture.md says why; a package that is not listed here may not exist. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  native: ['core'],
  support: ['core'],
  contract: ['core'],
  lab: ['core', 'contract'],
  firewall: ['core', 'contract'],
  wire: ['core', 'contract', 'firewall'],
  notify: ['core', 'contract', 'wire'],
  protocol: ['core', 'contract', 'wire', 'notify'],
  directory: ['core', 'contract', 'wire'],
  windows: ['core', 'contract', 'wire'],
  storage: ['core', 'native', 'contract', 'wire', 'protocol'],
  repository: ['core', 'native', 'storage'],
  engine: ['core', 'native', 'storage', 'repository'],
  // The server never opens a repository and no backup byte passes it.
  server: ['core', 'contract', 'wire', 'protocol', 'notify', 'directory', 'windows', 'support'],
  // Of the executor only what starts it: a mover opens no repository.
  mover: ['core', 'native', 'contract', 'firewall', 'wire', 'protocol', 'storage', 'executor'],
  agent: [
    ...['core', 'native', 'contract', 'firewall', 'wire', 'protocol', 'notify', 'storage', 'repository', 'engine'],
    'executor',
  ],
  // Opens a repository for one task of the server.
  executor: ['core', 'native', 'contract', 'wire', 'protocol', 'storage', 'repository', 'engine'],
  // Runs in browsers: of ours only the types of the REST API.
  console: ['protocol'],
  cli: [
    ...['core', 'native', 'contract', 'firewall', 'wire', 'protocol', 'notify', 'storage', 'repository', 'engine'],
    ...['lab', 'server', 'mover', 'agent', 'executor', 'support'],
  ],
};
/**
 * The files that a package imports another one in, where that is no matter of its own: all other commands ask a server over its API, as
 * somebody elsewhere does.
 */
const onlyIn: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  cli: {
    server: [
      'apps/cli/src/roles/server.ts',
      // While no server runs: what it starts with, and what of its configuration a support bundle shows.
      'apps/cli/src/managed/restore-configuration.ts',
      'apps/cli/src/support/local-files.ts',
    ],
  },
};
/** Tests of whole systems and the comparison with other programs may use every package, as far as they declare it. */
const unrestricted = new Set(['tests', 'bench']);
/** These know only the interface of storage; a concrete target is handed to them. */
const targetBlind = new Set(['repository', 'engine']);

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string>>;
}

interface Package {
  readonly folder: string;
  readonly shortName: string;
  readonly manifest: Manifest;
}

export const boundaries: Check = {
  name: 'boundaries',
  purpose: 'packages import only what they declare, in the allowed direction, and through the entry',
  async run(root) {
    const packages = readPackages(root);
    const byName = new Map(packages.map((one) => [one.manifest.name, one]));
    const rootManifest = readManifest(root, '');
    const concreteTargets = concreteTargetNames(root);
    const graph = new Map<string, Set<string>>();
    const findings: Finding[] = packages.flatMap((one) => manifestFindings(one, byName));
    const files = sourceFiles(root);
    for (const path of files) {
      const source = readSource(root, path);
      const from = packages.find((one) => path.startsWith(`${one.folder}/`));
      for (const use of source.imports) {
        const message = from
          ? importProblem({ root, source, use, from, byName, rootManifest, concreteTargets })
          : toolProblem(use, rootManifest);
        if (message !== undefined) findings.push({ file: path, line: use.line, message });
        const to = byName.get(packageNameOf(use.specifier));
        if (from && to && from !== to && !isTest(path)) edgesOf(graph, from.shortName).add(to.shortName);
      }
    }
    findings.push(...cycles(graph));
    return { filesSeen: files.length, filesExpected: minimumSourceFiles, findings };
  },
};

function manifestFindings(one: Package, byName: ReadonlyMap<string, Package>): readonly Finding[] {
  const file = `${one.folder}/package.json`;
  const findings: Finding[] = [];
  if (!(one.shortName in allowed) && !unrestricted.has(one.shortName))
    findings.push({ file, message: `the package ${one.manifest.name} has no place in tools/checks/boundaries.ts` });
  for (const [name, version] of Object.entries(declared(one.manifest))) {
    const to = byName.get(name);
    if (to && !mayImport(one, to)) findings.push({ file, message: `${one.manifest.name} may not depend on ${name}` });
    if (!to && !/^\d/.test(version))
      findings.push({ file, message: `${name} must have an exact version, not ${version}` });
  }
  // A folder may have a door of its own, so that who wants one thing doesn't load everything.
  for (const [entry, target] of Object.entries(one.manifest.exports ?? {}))
    if (entry !== '.' && entry !== './testing' && !isFolderEntry(entry, target))
      findings.push({ file, message: `the export ${entry} (${target}) is a second door: use an index.ts` });
  return findings;
}

interface ImportPlace {
  readonly root: string;
  readonly source: SourceFile;
  readonly use: ImportUse;
  readonly from: Package;
  readonly byName: ReadonlyMap<string, Package>;
  readonly rootManifest: Manifest;
  readonly concreteTargets: ReadonlySet<string>;
}

function importProblem(place: ImportPlace): string | undefined {
  const { use, from, source } = place;
  const { specifier } = use;
  if (specifier.startsWith('.')) return relativeProblem(place);
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? undefined : `write node:${specifier}`;
  // Made by the plugins of a build, which are in the same package.
  if (specifier.startsWith('virtual:')) return undefined;
  const name = packageNameOf(specifier);
  const to = place.byName.get(name);
  if (to === from) return `${from.manifest.name} imports itself by name: use a relative path`;
  const test = isTest(source.path);
  const dependencies = { ...declared(from.manifest), ...(test ? place.rootManifest.devDependencies : {}) };
  if (!(name in dependencies)) return `${name} is not declared in ${from.folder}/package.json`;
  if (!to) return undefined;
  if (!mayImport(from, to)) return `${from.manifest.name} may not import ${name}`;
  const entry = specifier === name ? '.' : `.${specifier.slice(name.length)}`;
  const places = onlyIn[from.shortName]?.[to.shortName];
  if (places && !test && !places.includes(source.path)) return `${name} is imported by ${places.join(', ')} alone`;
  if (!(entry in (to.manifest.exports ?? {}))) return `deep import: ${name} exports no ${entry}`;
  if (entry === './testing' && !test && !/(^|\/)(testing|conformance)[^/]*(\/|\.ts$)/.test(source.path))
    return `${specifier} is for tests only`;
  return test ? undefined : targetProblem(place, to);
}

/** `repository` and `engine` take the interface's types and its target-free functions, never a target. */
function targetProblem({ use, from, concreteTargets }: ImportPlace, to: Package): string | undefined {
  if (!targetBlind.has(from.shortName) || to.shortName !== 'storage' || use.typeOnly) return undefined;
  const concrete = use.names.filter((name) => name === '*' || concreteTargets.has(name));
  if (concrete.length === 0) return undefined;
  return `${from.manifest.name} may not know a concrete storage target (${concrete.join(', ')})`;
}

function relativeProblem({ use, from, source }: ImportPlace): string | undefined {
  const target = posix.join(posix.dirname(source.path), use.specifier);
  if (!target.startsWith(`${from.folder}/`)) return `${use.specifier} leaves the package: import it by its name`;
  if (from.shortName !== 'storage' || isTest(source.path)) return undefined;
  const [ours, theirs] = [targetFolder(source.path), targetFolder(target)];
  return ours !== undefined && theirs !== undefined && ours !== theirs
    ? `the storage target ${ours} may not import the target ${theirs}`
    : undefined;
}

/** The workspace's own tools: no package of the product but core, and only development dependencies. */
function toolProblem(use: ImportUse, rootManifest: Manifest): string | undefined {
  const { specifier } = use;
  if (specifier.startsWith('.') || isBuiltin(specifier)) return undefined;
  const name = packageNameOf(specifier);
  return name in (rootManifest.devDependencies ?? {}) ? undefined : `${name} is not declared in package.json`;
}

/** A folder below packages/storage/src is one target, except the suite that all of them run. */
function targetFolder(path: string): string | undefined {
  const folder = /^packages\/storage\/src\/(?:targets\/)?([^/]+)\//.exec(path)?.[1];
  return folder === 'conformance' ? undefined : folder;
}

/** JavaScript only where it comes before the first module with types. */
function isFolderEntry(entry: string, target: string): boolean {
  const folder = `./src/${entry.slice(2)}`;
  return target === `${folder}/index.ts` || target === `${folder}/index.mjs`;
}

/** The names that the entry of `storage` re-exports from targets' folders. */
function concreteTargetNames(root: string): ReadonlySet<string> {
  const entry = 'packages/storage/src/index.ts';
  if (!existsSync(join(root, entry))) return new Set();
  const folder = posix.dirname(entry);
  return new Set(
    readSource(root, entry)
      .imports.filter((use) => targetFolder(posix.join(folder, use.specifier)) !== undefined)
      .flatMap((use) => use.names),
  );
}

function mayImport(from: Package, to: Package): boolean {
  return unrestricted.has(from.shortName) || (allowed[from.shortName]?.includes(to.shortName) ?? false);
}

function declared(manifest: Manifest): Readonly<Record<string, string>> {
  return { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
}

/** `@scope/name` of `@scope/name/deep`, `name` of `name/deep`. */
function packageNameOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function readManifest(root: string, folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function readPackages(root: string): readonly Package[] {
  const below = (folder: string): readonly string[] =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`) : [];
  return [...below('packages'), ...below('apps'), 'tests', 'bench']
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, shortName: posix.basename(folder), manifest: readManifest(root, folder) }));
}

function edgesOf(graph: Map<string, Set<string>>, name: string): Set<string> {
  const edges = graph.get(name) ?? new Set();
  graph.set(name, edges);
  return edges;
}

function cycles(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly Finding[] {
  const findings = new Map<string, Finding>();
  const visit = (name: string, path: readonly string[]): void => {
    const at = path.indexOf(name);
    if (at !== -1) {
      const cycle = path.slice(at);
      findings.set([...cycle].sort().join(), { message: `cycle of packages: ${[...cycle, name].join(' -> ')}` });
      return;
    }
    for (const next of graph.get(name) ?? []) visit(next, [...path, name]);
  };
  for (const name of graph.keys()) visit(name, []);
  return [...findings.values()];
}
