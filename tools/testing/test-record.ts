import type { TestEvent } from 'node:test/reporters';

export type Outcome = 'passed' | 'failed' | 'skipped' | 'todo';

export interface TestResult {
  /** Relative to the root. */
  readonly file: string;
  /** `suite > test`; the file itself where it failed before any test, or has none. */
  readonly name: string;
  readonly outcome: Outcome;
  /** Why it was skipped, if it says so. */
  readonly reason: string | undefined;
  readonly error: Error | undefined;
  readonly durationMs: number;
}

/** A suite that fails only because a test in it failed is no failure of its own. */
const ofSubtests = new Set(['subtestsFailed']);

/** Turns the events of Node's runner into results. The events of one file come in order; those of files may mix. */
export class TestRecord {
  readonly results: TestResult[] = [];
  readonly #root: string;
  readonly #names = new Map<string, string[]>();

  constructor(root: string) {
    this.#root = root;
  }

  /** The result that the event brings, if it brings one. */
  add(event: TestEvent): TestResult | undefined {
    if (event.type !== 'test:start' && event.type !== 'test:pass' && event.type !== 'test:fail') return undefined;
    const { data } = event;
    const path = entryFileOf(data) ?? data.name;
    const names = this.#names.get(path) ?? [];
    this.#names.set(path, names);
    names.length = data.nesting;
    names.push(data.name);
    if (event.type === 'test:start') return undefined;
    const result = this.#result(event, this.#relative(path), names);
    if (result) this.results.push(result);
    return result;
  }

  of(file: string): readonly TestResult[] {
    return this.results.filter((result) => result.file === file);
  }

  #result(
    event: Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>,
    file: string,
    names: readonly string[],
  ): TestResult | undefined {
    const { data } = event;
    const error = event.type === 'test:fail' ? event.data.details.error : undefined;
    const marked = data.skip !== undefined && data.skip !== false ? data.skip : undefined;
    const isTodo = data.todo !== undefined && data.todo !== false;
    const isSuite = data.details.type === 'suite';
    if (error && 'failureType' in error && ofSubtests.has(String(error.failureType))) return undefined;
    // A suite counts only where something happened to it as a whole.
    if (isSuite && !error && marked === undefined) return undefined;
    return {
      file,
      name: names.map((name) => (name.startsWith(this.#root) ? this.#relative(name) : name)).join(' > '),
      outcome: marked !== undefined ? 'skipped' : isTodo ? 'todo' : error ? 'failed' : 'passed',
      reason: typeof marked === 'string' ? marked : undefined,
      error,
      durationMs: data.details.duration_ms,
    };
  }

  #relative(path: string): string {
    return path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length + 1) : path;
  }
}

/** The test file that was started: a suite that several of them share has a file of its own, which `file` names. */
function entryFileOf(data: { readonly file?: string | undefined; readonly entryFile?: string }): string | undefined {
  return data.entryFile ?? data.file;
}
