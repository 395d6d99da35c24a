import { globSync } from 'node:fs';

/** The order: what holds for the whole workspace first, then whole systems, since the longest must not come last, then parts. */
const patterns = [
  'tools/workspace.test.ts',
  'tests/**/*.test.ts',
  'packages/*/src/**/*.test.ts',
  'apps/*/src/**/*.test.ts',
  'bench/src/**/*.test.ts',
  'tools/**/*.test.ts',
];
/** Minutes to hours each; `npm run test:long` runs them: those of whole systems, and longer forms beside the code. */
const longTests = /^tests\/long\/|\.long\.test\.ts$/;

export interface TestSelection {
  readonly root: string;
  /** Only files whose path contains one of these; all if empty. */
  readonly filters: readonly string[];
  readonly long: boolean;
}

/** Test files relative to the root. */
export function findTestFiles({ root, filters, long }: TestSelection): readonly string[] {
  const exclude = ['**/node_modules/**', 'tools/fixtures/**'];
  const found = patterns.flatMap((pattern) => globSync(pattern, { cwd: root, exclude }).sort());
  const wanted = filters.map((filter) => filter.replace(/^\.\//, ''));
  return [...new Set(found)].filter(
    (path) => longTests.test(path) === long && (wanted.length === 0 || wanted.some((filter) => path.includes(filter))),
  );
}
