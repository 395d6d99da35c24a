import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Finding } from './check.ts';

interface LockEntry {
  readonly version?: string;
  readonly link?: boolean;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Far fewer mean that the file was not understood. */
const minimumEntries = 100;

export const lockFile: Check = {
  name: 'lock file',
  purpose: 'npm ci accepts it on every platform, with the same bytes',
  async run(root) {
    const file = 'package-lock.json';
    const { packages } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { packages: Record<string, LockEntry> };
    const findings: Finding[] = [];
    for (const [path, entry] of Object.entries(packages)) {
      if (path.startsWith('node_modules/') && !entry.link && !entry.integrity)
        findings.push({ file, message: `${path} has no integrity` });
      // npm leaves out what the registry lacked when the file was written, and then `npm ci` refuses the file.
      for (const name of Object.keys(entry.optionalDependencies ?? {}))
        if (!isLocked(packages, path, name))
          findings.push({
            file,
            message: `${path || 'the workspace'} wants ${name}, which is not locked: take a version that has it`,
          });
    }
    return { filesSeen: Object.keys(packages).length, filesExpected: minimumEntries, findings };
  },
};

/** Node's own search: beside the package, then in every folder above it. */
function isLocked(packages: Readonly<Record<string, LockEntry>>, path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === '') return false;
  }
}
