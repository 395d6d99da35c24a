import { type ErrorCode, HoldfastError, oneLine } from '@holdfast/core';
import { maxProblems, maxShownKey } from './limits.ts';
import type { Path } from './source.ts';

/** A mistake in a file. */
export interface TopologyProblem {
  readonly file: string;
  readonly at: PlaceInText;
  /** What is wrong, and what was probably meant. */
  readonly message: string;
}

/** Where in a text: of YAML line and column, which begin with 1; of JSON the keys and indexes that lead there. */
type PlaceInText = { readonly line: number; readonly column: number } | { readonly path: Path };

/** The mistakes of a topology, or of other files, in their order, up to a bound. */
export class Problems {
  readonly #code: ErrorCode;
  readonly #what: string;
  readonly #found: TopologyProblem[] = [];
  #count = 0;

  constructor({ code = 'topology.invalid', what = 'The topology' }: { code?: ErrorCode; what?: string } = {}) {
    this.#code = code;
    this.#what = what;
  }

  add(problem: TopologyProblem): void {
    this.#count += 1;
    if (this.#found.length < maxProblems) this.#found.push(problem);
  }

  get found(): readonly TopologyProblem[] {
    return this.#found;
  }

  get isFull(): boolean {
    return this.#count >= maxProblems;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Throws `topology.invalid`, or the code that was given, with all of them, if there are any. */
  throwIfAny(): void {
    if (this.#count > 0) throw this.error();
  }

  error(): HoldfastError {
    const found = this.#found;
    const [first] = found;
    const lines = found.map(({ message, ...where }) => oneLine(`${placeOf(where)}: ${message}`));
    const more = this.#count > found.length || this.isFull ? '\n  There may be more: these are the first.' : '';
    const count = found.length === 1 ? 'one mistake' : `${found.length} mistakes`;
    const at = first && ('path' in first.at ? { path: pointer(first.at.path) } : first.at);
    return new HoldfastError(this.#code, {
      message: `${this.#what} has ${count}:\n  ${lines.join('\n  ')}${more}`,
      context: { count: this.#count, file: first?.file, ...at },
    });
  }
}

/** `topology.yaml:4:3`, and of JSON `topology:/hosts/srv`; `topology` for all of it. */
export function placeOf({ file, at }: Pick<TopologyProblem, 'file' | 'at'>): string {
  if ('line' in at) return `${file}:${at.line}:${at.column}`;
  return at.path.length === 0 ? file : `${file}:${pointer(at.path)}`;
}

/** A JSON Pointer (RFC 6901) as the fragment of a URI, so that no key ends it early; of long keys the beginning. */
function pointer(path: Path): string {
  const shown = (part: PropertyKey): string => String(part).slice(0, maxShownKey).toWellFormed();
  return path.map((part) => `/${encodeURIComponent(shown(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');
}
