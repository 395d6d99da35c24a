import type { z } from 'zod';
import { optionIds } from '../options.ts';
import { didYouMean, nearest } from './nearest.ts';
import { allowRule, channelIds, host, neighbour, topologyDocument, zone } from './schema.ts';
import type { Path } from './source.ts';
import { shownValue, valueAt } from './values.ts';

type Issue = z.core.$ZodIssue;

export interface SchemaProblem {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly message: string;
}

/** What the mismatches with the schema mean to whoever wrote the file. */
export function describeIssues(issues: readonly Issue[], value: unknown): readonly SchemaProblem[] {
  // A key that is missing because its name has a slip is one mistake, not two.
  const slips = new Set(
    issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.flatMap((key) =>
            nearest(key, keysAt(issue.path)).map((meant) => [...issue.path, meant].join('\n')),
          )
        : [],
    ),
  );
  return issues
    .filter((issue) => !(issue.code === 'invalid_type' && slips.has(issue.path.join('\n'))))
    .flatMap((issue) => describe(issue, value));
}

function describe(issue: Issue, value: unknown): readonly SchemaProblem[] {
  const { path } = issue;
  const here = (message: string, at: 'key' | 'value' = 'value'): readonly SchemaProblem[] => [{ path, at, message }];
  const isPort = path[0] !== 'allow' && path[2] === 'ports' && path.length === 4;
  if (path[0] === 'allow' && path[2] === 'ports' && path.length === 4)
    return here(`${shownValue(valueAt(value, path))}: a port is written as tcp/22 or udp/33434-33534`);
  if (isPort && issue.code !== 'unrecognized_keys')
    return here(
      `${shownValue(valueAt(value, path))}: a port is a whole number from 1 to 65535, or a range such as "2500-2600"`,
    );
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        message: `${word(path)} has no key ${JSON.stringify(key)}.${didYouMean(key, keysAt(path))}`,
      }));
    case 'invalid_key':
      return here(
        `${JSON.stringify(String(path.at(-1)))} can't be a key here: ${issue.issues[0]?.message ?? issue.message}`,
        'key',
      );
    case 'invalid_value': {
      const known = issue.values.map(String);
      const given = valueAt(value, path);
      const choice = known.length <= 8 ? ` Possible: ${known.join(', ')}.` : '';
      return here(
        `${JSON.stringify(given)} is not a known ${word(path)}.${didYouMean(String(given), known) || choice}`,
      );
    }
    case 'invalid_type': {
      const given = valueAt(value, path);
      if (given === undefined)
        return [{ path: path.slice(0, -1), at: 'key', message: `${String(path.at(-1))} is missing` }];
      return here(`${word(path)} must be ${kinds[issue.expected] ?? issue.expected}, not ${shownValue(given)}`);
    }
    case 'too_big':
      return here(`${word(path)} may have at most ${String(issue.maximum)}${units[issue.origin] ?? ''}`);
    case 'too_small':
      return here(`${word(path)} must have at least ${String(issue.minimum)}${units[issue.origin] ?? ''}`);
    default:
      return here(`${word(path)}: ${issue.message}`);
  }
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list: [ … ]',
  object: 'a mapping of keys and values',
  record: 'a mapping of names to entries',
  string: 'text (in quotes where it looks like a number)',
  boolean: 'true or false',
};

const units: Readonly<Record<string, string>> = { array: ' entries', string: ' characters', record: ' entries' };

/** The thing at a path, in words. */
function word(path: Path): string {
  const last = path.at(-1);
  const [section, , field] = path;
  if (path.length === 0) return 'a topology';
  if (path.length === 2 && section === 'features') return `features.${String(last)}`;
  if (path.length === 2 && typeof section === 'string' && section in entries) return entries[section] ?? section;
  if (typeof last === 'number') return singular[String(path.at(-2))] ?? `entry ${last + 1}`;
  return field === 'ports' && path.length === 4 ? `the port of ${String(last)}` : String(last);
}

const entries: Readonly<Record<string, string>> = {
  zones: 'a zone',
  hosts: 'a host',
  neighbours: 'a neighbour',
  allow: 'an allow rule',
};

const singular: Readonly<Record<string, string>> = {
  roles: 'role',
  addresses: 'address',
  names: 'name',
  uses: 'name',
  ports: 'port',
  include: 'file',
  from: 'end',
  to: 'end',
  nat: 'address',
};

/** The keys that the mapping at a path may have. */
function keysAt([section, , field]: Path): readonly string[] {
  if (field === 'ports') return channelIds;
  if (section === 'features') return optionIds;
  if (section === 'zones') return Object.keys(zone.shape);
  if (section === 'hosts') return Object.keys(host.shape);
  if (section === 'neighbours') return Object.keys(neighbour.shape);
  if (section === 'allow') return Object.keys(allowRule.shape);
  return Object.keys(topologyDocument.shape);
}
