import type { TestResult } from './test-record.ts';

/** Per test file, the names (`suite > test`) that CI must have run, or all of them. */
export type RequiredTests = Readonly<Record<string, readonly string[] | 'every test'>>;

/** Reads `tools/required-tests.json`. */
export function parseRequiredTests(text: string): RequiredTests {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object of files');
  return Object.fromEntries(
    Object.entries(value).map(([file, tests]: [string, unknown]): [string, RequiredTests[string]] => {
      if (tests === 'every test') return [file, tests];
      if (Array.isArray(tests) && tests.length > 0 && tests.every((name): name is string => typeof name === 'string'))
        return [file, tests];
      throw new Error(`${file}: expected a list of names or "every test"`);
    }),
  );
}

/** One line per required test that did not run: skipped, marked as to do, or not there at all. */
export function missedTests(required: RequiredTests, results: readonly TestResult[]): readonly string[] {
  return Object.entries(required).flatMap(([file, names]) => {
    const ofFile = results.filter((result) => result.file === file);
    if (names === 'every test') {
      if (!ofFile.some(ran)) return [`${file}: no test ran`, ...ofFile.filter((result) => !ran(result)).map(describe)];
      return ofFile.filter((result) => !ran(result)).map(describe);
    }
    return names.flatMap((name) => {
      const result = ofFile.find((one) => one.name === name);
      if (result) return ran(result) ? [] : [describe(result)];
      const suite = ofFile.find((one) => !ran(one) && name.startsWith(`${one.name} > `));
      return [suite ? describe(suite) : `${file}: ${name}: there is no such test`];
    });
  });
}

function ran(result: TestResult): boolean {
  return result.outcome === 'passed' || result.outcome === 'failed';
}

function describe({ file, name, outcome, reason }: TestResult): string {
  return `${file}: ${name}: ${outcome === 'todo' ? 'marked as to do' : 'skipped'}${reason === undefined ? '' : `, ${reason}`}`;
}
