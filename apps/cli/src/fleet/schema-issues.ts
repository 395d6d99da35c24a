import { didYouMean, type Path, shownValue, valueAt } from '@holdfast/contract/topology';
import type { z } from 'zod';
import { fleetDocument, sectionKeys } from './schema.ts';

type Issue = z.core.$ZodIssue;

interface SchemaProblem {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** What a mismatch with the schema means to whoever wrote the file. */
export function describeIssue(issue: Issue, value: unknown): readonly SchemaProblem[] {
  const { path } = issue;
  const here = (message: string): readonly SchemaProblem[] => [{ path, at: 'value', message }];
  const given = valueAt(value, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        message: `there is no ${JSON.stringify(key)} here.${didYouMean(key, keysAt(path))}`,
      }));
    case 'invalid_key':
      return [{ path, at: 'key', message: `no name: ${issue.issues[0]?.message ?? issue.message}` }];
    case 'invalid_value':
      return here(`${fieldOf(path)}: ${notKnown(given, issue.values.map(String))}`);
    case 'invalid_union': {
      // Where the key that tells them apart is wrong; else what comes closest to one of them.
      if (issue.errors.length === 0) {
        const known = (issue as { readonly options?: readonly unknown[] }).options ?? [];
        const where = given === undefined ? path.slice(0, -1) : path;
        return [{ path: where, at: 'value', message: `${fieldOf(path)}: ${notKnown(given, known.map(String))}` }];
      }
      const [closest = []] = issue.errors.toSorted((one, other) => rankOf(other) - rankOf(one));
      return closest.flatMap((one) => describeIssue({ ...one, path: [...path, ...one.path] }, value));
    }
    case 'invalid_type':
      if (given === undefined)
        return [{ path: path.slice(0, -1), at: 'key', message: `${String(path.at(-1))} is missing` }];
      return here(`${fieldOf(path)} must be ${kinds[issue.expected] ?? issue.expected}, not ${shownValue(given)}`);
    default:
      return here(`${fieldOf(path)}: ${issue.message}`);
  }
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list: [ … ]',
  object: 'a mapping of keys and values',
  record: 'a mapping of names to entries',
  string: 'text (in quotes where it looks like something else)',
  number: 'a number',
  boolean: 'true or false',
};

/** The alternative whose first mistake lies deepest is the one that was meant. */
function rankOf(issues: readonly Issue[]): number {
  return Math.max(...issues.map(({ path, code }) => path.length * 2 - (code === 'unrecognized_keys' ? 1 : 0)));
}

function notKnown(given: unknown, known: readonly string[]): string {
  if (given === undefined) return `is missing; possible: ${known.join(', ')}`;
  return `${shownValue(given)} is none of ${known.join(', ')}.${didYouMean(typeof given === 'string' ? given : '', known)}`;
}

/** As it is named in plans, too: `schedule.at`. */
function fieldOf(path: Path): string {
  const field = path.slice(path.length > 2 ? 2 : 0);
  return field.length === 0 ? 'a declaration' : field.map((part) => String(part)).join('.');
}

/** The keys that the mapping at a path may have, where they are known. */
function keysAt([section, ...rest]: Path): readonly string[] {
  if (section === undefined) return Object.keys(fleetDocument.shape);
  return rest.length === 1 ? (sectionKeys[String(section)] ?? []) : [];
}
