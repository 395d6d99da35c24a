import { maxDepth } from './limits.ts';
import { type Problems, placeOf } from './problems.ts';
import { nestedTooDeeply, type Path, type Source, type SourceForm } from './source.ts';

/**
 * A JSON text whose values are known by their paths. It is never given to the parser of YAML, which takes a hundred times as long and
 * would name lines of a text that nobody has seen: programs send JSON, with as many mistakes as they please.
 */
export class JsonSource implements Source {
  readonly file: string;
  readonly #problems: Problems;

  private constructor(o: { file: string; problems: Problems }) {
    this.file = o.file;
    this.#problems = o.problems;
  }

  /** Reads a text and adds what is wrong with it as JSON. Undefined when there is nothing to go on with. */
  static read(o: {
    readonly file: string;
    readonly text: string;
    readonly form: SourceForm;
    readonly problems: Problems;
  }): { source: JsonSource; value: unknown } | undefined {
    const { text, form } = o;
    const source = new JsonSource(o);
    const bytes = Buffer.byteLength(text);
    if (bytes > form.maxBytes) {
      source.report([], `the file has ${bytes} bytes; a ${form.noun} has at most ${form.maxBytes}. ${form.hint}`);
      return undefined;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      source.report([], `this is no JSON: ${(error as SyntaxError).message}`);
      return undefined;
    }
    if (!source.#checkValues(value, form)) return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      source.report([], `a ${form.noun} is a mapping: ${form.outline}`);
      return undefined;
    }
    return { source, value };
  }

  report(path: Path, message: string | (() => string)): void {
    // What the message costs (looking for what was meant among all names) is not spent on what nobody will see.
    if (this.#problems.isFull) return;
    this.#problems.add({ file: this.file, at: { path }, message: typeof message === 'string' ? message : message() });
  }

  place(path: Path): string {
    return placeOf({ file: this.file, at: { path } });
  }

  /** False for what is beyond a limit. */
  #checkValues(root: unknown, { counted }: SourceForm): boolean {
    let entries = 0;
    const pending: { readonly value: unknown; readonly path: Path }[] = [{ value: root, path: [] }];
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { value, path } = next;
      if (typeof value !== 'object' || value === null) continue;
      if (path.length >= maxDepth) {
        this.report(path, nestedTooDeeply);
        return false;
      }
      for (const [key, inner] of Object.entries(value).toReversed()) {
        const at = [...path, Array.isArray(value) ? Number(key) : key];
        // Else whoever copies such a mapping would give the copy other ancestors.
        if (key === '__proto__') this.report(at, `${key} can't be a name`);
        if (key === counted?.key) entries += 1;
        if (counted && entries > counted.most) {
          this.report(at, counted.message);
          return false;
        }
        pending.push({ value: inner, path: at });
      }
    }
    return true;
  }
}
