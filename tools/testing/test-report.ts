import { inspect, styleText } from 'node:util';
import type { TestRecord, TestResult } from './test-record.ts';

/** What a failed file printed is shown, as far as this. */
const shownOutputCharacters = 8_000;

type Color = 'red' | 'green' | 'yellow' | 'gray';

const marks = {
  passed: ['✔', 'green'],
  failed: ['✖', 'red'],
  skipped: ['﹣', 'yellow'],
  todo: ['⚠', 'yellow'],
} as const satisfies Record<TestResult['outcome'], readonly [string, Color]>;

/** For people: one calm line per file, or per test; at the end what failed and what was skipped. */
export class TestReport {
  readonly #color: boolean;
  readonly #write: (line: string) => void;

  constructor(options: { readonly color: boolean; readonly write: (line: string) => void }) {
    this.#color = options.color;
    this.#write = options.write;
  }

  line(text: string, color?: Color): void {
    this.#write(color ? this.#paint(text, color) : text);
  }

  test({ name, outcome, reason, durationMs }: TestResult): void {
    const [mark, color] = marks[outcome];
    this.line(
      `  ${this.#paint(mark, color)} ${name} ${this.#time(durationMs)}${reason === undefined ? '' : ` (${reason})`}`,
    );
  }

  file(file: string, results: readonly TestResult[], durationMs: number): void {
    const count = (outcome: TestResult['outcome']): number =>
      results.filter((result) => result.outcome === outcome).length;
    const failed = count('failed');
    const parts = [`${results.length} ${results.length === 1 ? 'test' : 'tests'}`];
    if (failed > 0) parts.push(this.#paint(`${failed} failed`, 'red'));
    for (const outcome of ['skipped', 'todo'] as const)
      if (count(outcome) > 0) parts.push(this.#paint(`${count(outcome)} ${outcome}`, 'yellow'));
    const [mark, color] = failed > 0 ? marks.failed : marks.passed;
    this.line(`${this.#paint(mark, color)} ${file}  ${parts.join(', ')} ${this.#time(durationMs)}`);
  }

  failures(record: TestRecord, outputs: ReadonlyMap<string, string>): void {
    const failures = record.results.filter(({ outcome }) => outcome === 'failed');
    if (failures.length === 0) return;
    this.line(`\nFailed (${failures.length})`, 'red');
    for (const { file, name, error } of failures) {
      this.line(`\n${this.#paint('✖', 'red')} ${file}${name === file ? '' : `: ${name}`}`);
      this.line(indent(describeError(error, this.#color)));
    }
    for (const file of new Set(failures.map((failure) => failure.file))) {
      const output = outputs.get(file)?.trim();
      if (output) this.line(`\nWhat ${file} printed:\n${indent(output.slice(-shownOutputCharacters))}`);
    }
  }

  skipped(record: TestRecord): void {
    const skipped = record.results.filter(({ outcome }) => outcome === 'skipped' || outcome === 'todo');
    if (skipped.length === 0) return;
    this.line(`\nSkipped (${skipped.length})`, 'yellow');
    for (const { file, name, reason } of skipped) this.line(`  ${file}: ${name}: ${reason ?? 'without a reason'}`);
  }

  #time(durationMs: number): string {
    return this.#paint(
      durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`,
      'gray',
    );
  }

  #paint(text: string, color: Color): string {
    return this.#color ? styleText(color, text, { validateStream: false }) : text;
  }
}

function describeError(error: Error | undefined, colors: boolean): string {
  if (!error) return 'failed without an error';
  // The runner wraps what the test threw, and says of a file that ended early only how it ended.
  const cause = error.cause ?? error;
  if (!(cause instanceof Error))
    return `${inspect(cause)} ${inspect(Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'cause')), { colors })}`;
  // The message of an assertion holds its difference already; its properties only repeat it.
  const text = 'code' in cause && cause.code === 'ERR_ASSERTION' ? cause.stack : undefined;
  return (text ?? inspect(cause, { colors, depth: 4 })).replaceAll(/\n +at .*node:internal.*/g, '');
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
