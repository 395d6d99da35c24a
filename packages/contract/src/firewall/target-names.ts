import { createHash } from 'node:crypto';

/** What a target takes as a name. */
interface NameForm {
  /** Put before every name. */
  readonly prefix?: string;
  readonly maximumLength: number;
  /** Beside letters, digits and `-`, which every target takes. */
  readonly alsoAllowed?: string;
  readonly lowerCase?: boolean;
}

/** Of ten thousand texts no two have the same. */
const digestLength = 12;

/**
 * Names from the topology as names of a target: a name that fits stays as it is; of any other what fits is kept, with a
 * digest of the whole. Different names never become the same one, not even where the target ignores case.
 */
export function targetNames(form: NameForm): (name: string) => string {
  const { prefix = '', maximumLength, alsoAllowed = '', lowerCase = false } = form;
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const room = maximumLength - prefix.length;
  return (name) => {
    const before = names.get(name);
    if (before !== undefined) return before;
    const plain = Array.from(lowerCase ? name.toLowerCase() : name)
      .map((character) => (/[A-Za-z0-9-]/.test(character) || alsoAllowed.includes(character) ? character : '-'))
      .join('')
      .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
    const withDigest = (of: string): string =>
      `${prefix}${plain.slice(0, room - digestLength - 1) || 'unnamed'}-${digest(of)}`;
    let result = plain === name && plain !== '' && plain.length <= room ? prefix + plain : withDigest(name);
    for (let again = `${name} `; taken.has(result.toLowerCase()); again += ' ') result = withDigest(again);
    taken.add(result.toLowerCase());
    names.set(name, result);
    return result;
  };
}

/** Tells apart what has no short name of its own, and stays the same whatever else is in the plan. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digestLength);
}
