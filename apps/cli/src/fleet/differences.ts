import { isDeepStrictEqual } from 'node:util';

/** A field that is not as it is declared. */
export interface Difference {
  /** `schedule.at`; empty: the whole. */
  readonly field: string;
  /** Absent: there is none. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Field by field; lists, and what is now of another kind, as a whole. */
export function differencesOf(before: unknown, after: unknown, field = ''): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMapping(before) || !isMapping(after) || before['kind'] !== after['kind'])
    return [{ field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
  return Object.keys({ ...before, ...after }).flatMap((key) =>
    differencesOf(before[key], after[key], field === '' ? key : `${field}.${key}`),
  );
}

/** `schedule.at: "21:00" → "22:00"`, `computers: + web3, - web1`. */
export function differenceText({ field, before, after }: Difference): string {
  if (isList(before) && isList(after)) {
    const [old, next] = [before.map(text), after.map(text)];
    const parts = [
      ...next.filter((one) => !old.includes(one)).map((one) => `+ ${one}`),
      ...old.filter((one) => !next.includes(one)).map((one) => `- ${one}`),
    ];
    return `${field}: ${parts.length > 0 ? parts.join(', ') : `in another order: ${next.join(', ')}`}`;
  }
  return `${field}: ${text(before)} → ${text(after)}`;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function text(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
