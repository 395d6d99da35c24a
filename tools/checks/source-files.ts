import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The folders that hold code; the TypeScript configuration names the same. */
const codeFolders = ['packages', 'apps', 'tests', 'bench', 'tools'];
/** The workspace has more files than this since its first week: fewer mean that the listing is broken. */
export const minimumSourceFiles = 80;

const textFile = /\.(ts|tsx|mts|mjs|js|json|md|yaml|yml|sh|html|css|svg)$/;
const codeFile = /\.(ts|tsx|mts)$/;

/** TypeScript files of the workspace, relative to the root with forward slashes, sorted. */
export function sourceFiles(root: string): readonly string[] {
  return codeFolders.flatMap((folder) => walk(root, folder)).filter((path) => codeFile.test(path));
}

/** All files that people read: code, configuration and documents. */
export function textFiles(root: string): readonly string[] {
  return walk(root, '').filter((path) => textFile.test(path) && path !== 'package-lock.json');
}

/** Tests, and what only tests use: folders called `testing`. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$|\/testing\//.test(path) || path.startsWith('tests/') || path.startsWith('bench/');
}

function walk(root: string, folder: string): readonly string[] {
  const files: string[] = [];
  for (const entry of entries(join(root, folder))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isFile()) files.push(path);
    else if (entry.isDirectory() && !isSkipped(path, entry.name)) files.push(...walk(root, path));
  }
  return files.sort();
}

/** Dependencies, hidden folders (run-time data, downloaded programs), what is built, and the fixtures that are wrong on purpose. */
function isSkipped(path: string, name: string): boolean {
  return (
    name === 'node_modules' ||
    name.startsWith('.') ||
    path === 'tools/fixtures/known-bad' ||
    path === 'apps/console/dist'
  );
}

function entries(folder: string): ReturnType<typeof readFolder> {
  try {
    return readFolder(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function readFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}
