import { createHmac } from 'node:crypto';
import { bundleLimits } from './limits.ts';

/** What a name is of; its pseudonym says so. */
export type NameKind = 'computer' | 'address' | 'path' | 'name' | 'group' | 'person' | 'repository' | 'text';

/** Fields that hold names, whatever the names are. */
const nameFields: Readonly<Record<string, NameKind>> = {
  ...fieldsOf('computer', ['hostname', 'host', 'hostnames', 'names', 'computers', 'bind', 'dnsName', 'commonName']),
  ...fieldsOf('address', ['address', 'remoteAddress', 'addresses', 'url', 'publicUrl', 'from', 'to', 'recipient']),
  ...fieldsOf('path', [
    'sources',
    'paths',
    'target',
    'subfolder',
    'include',
    'excludes',
    'root',
    'folder',
    'storageRoot',
  ]),
  ...fieldsOf('path', ['localSocket', 'moverSocket', 'drillFolder', 'csvFolder', 'csvFile', 'restoreTo', 'patterns']),
  ...fieldsOf('path', ['databasePasswordFile', 'overwritten', 'changed', 'location']),
  ...fieldsOf('name', ['name', 'jobName', 'policyName', 'destination', 'tags', 'scripts', 'pre', 'post', 'output']),
  ...fieldsOf('group', ['group', 'groupName', 'groups']),
  ...fieldsOf('person', ['actor', 'user', 'username', 'askedBy', 'decidedBy', 'owner']),
  ...fieldsOf('repository', ['repository', 'repositoryName']),
  ...fieldsOf('text', ['text', 'stack', 'subject', 'notes', 'comment', 'label', 'managedBy']),
};

/** Fields with words of ours, numbers and ids only: a job that is called `backup` changes nothing in them. */
const ownFields = new Set([
  ...['id', 'kind', 'state', 'role', 'platform', 'level', 'process', 'channel', 'code', 'retry', 'outcome', 'trigger'],
  ...[
    'component',
    'route',
    'method',
    'event',
    'severity',
    'table',
    'migration',
    'phase',
    'carrier',
    'direction',
    'rows',
  ],
  ...[
    'productVersion',
    'node',
    'reasonCode',
    'at',
    'time',
    'scheme',
    'transport',
    'usedInstead',
    'mode',
    'what',
    'file',
  ],
]);

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const hexadecimal = /^[0-9a-f]{16,}$/i;
const isoTime = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/;
/** Says nothing of anybody. */
const everybodys = new Set([
  ...[
    '',
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '::',
    'localhost',
    'local',
    'default',
    '/',
    '[secret]',
    '[given]',
    '[left out]',
  ],
]);
/** Folders that every computer has; paths keep them. */
const commonFolders = new Set([
  ...[
    'home',
    'etc',
    'srv',
    'var',
    'usr',
    'opt',
    'tmp',
    'root',
    'mnt',
    'media',
    'data',
    'lib',
    'log',
    'run',
    'boot',
    'dev',
  ],
  ...[
    'proc',
    'sys',
    'bin',
    'sbin',
    'Users',
    'Windows',
    'Volumes',
    'Library',
    'Applications',
    'repositories',
    'holdfast',
  ],
]);

const address = new RegExp(
  [
    // MAC addresses, then IPv6 (RFC 4291), then IPv4.
    String.raw`\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b`,
    String.raw`(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}(?:[0-9a-f]{1,4}|:)(?![\w:])`,
    String.raw`(?<![\w:.])(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}(?![\w:])`,
    String.raw`(?<![\w:.])::(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4}(?![\w:])`,
    String.raw`(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)`,
  ].join('|'),
  'gi',
);
const mail = /(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const quoted = /(["'“”`])((?:(?!\1).){2,}?)\1/g;
/** Where a path begins. It may have blanks, so nobody can tell where it ends. */
const pathStart = /(?<![\w/.:<-])(?:\/(?=[\p{L}\p{N}._~-])|[A-Za-z]:\\|\\\\[\w.])/u;
const ownPath = /^\/(?:api\/|metrics\b|healthz\b|readyz\b|oauth\b|sessions\b|leases\b|v\d)/;
const word = /[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?/gu;

/**
 * Puts pseudonyms in the place of names of computers, people, groups, jobs and repositories, of addresses and of paths: the same for
 * the same name wherever it stands, and in later bundles that are made with the same key. Without the key nobody finds the name to a
 * pseudonym, not even by trying all names there are.
 */
export class Pseudonyms {
  readonly #key: Uint8Array;
  /** In lower case; single words, as texts have them. */
  readonly #known = new Map<string, NameKind>();
  readonly #wordy = new Map<string, NameKind>();

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** Names that are looked for in texts, too. */
  know(kind: NameKind, names: Iterable<string>): void {
    for (const name of names) {
      if (everybodys.has(name) || name.length < 2) continue;
      const lower = name.toLowerCase();
      if (/^[\p{L}\p{N}_.-]+$/u.test(name)) {
        if (this.#known.size < bundleLimits.maxKnownNames && !this.#known.has(lower)) this.#known.set(lower, kind);
      } else if (this.#wordy.size < bundleLimits.maxWordyNames) this.#wordy.set(name, kind);
    }
  }

  of(kind: NameKind, name: string): string {
    if (everybodys.has(name) || uuid.test(name) || hexadecimal.test(name) || isoTime.test(name)) return name;
    if (kind === 'path') return this.#path(name);
    return `${kind}-${this.#mac(name.toLowerCase())}`;
  }

  /** All of a value, by the names of its fields. */
  value(value: unknown, field = ''): unknown {
    if (typeof value === 'string') {
      if (ownFields.has(field)) return value;
      const kind = nameFields[field];
      if (kind === undefined) return this.text(value);
      // What is a name of this kind, or of another that is known, or the id of something.
      const known = this.#known.get(value.toLowerCase()) ?? this.#wordy.get(value);
      return ownPath.test(value) ? this.text(value) : this.of(known ?? kind, value);
    }
    if (Array.isArray(value)) return value.map((item) => this.value(item, field));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [this.#fieldName(name), this.value(inner, name)]),
    );
  }

  /** A message for people. From a path on, which may have blanks, only what is known to be no name is kept of it. */
  text(text: string): string {
    if (uuid.test(text) || isoTime.test(text)) return text;
    const at = pathStart.exec(text);
    if (at && !ownPath.test(text.slice(at.index))) {
      const rest = text.slice(at.index);
      const path = /^[^\s"'“”,;)]+/.exec(rest)?.[0].replace(/[.:]+$/, '') ?? rest;
      const kept = [...new Set(rest.match(/\bE[A-Z]{3,}\b/g) ?? [])];
      return `${this.#words(text.slice(0, at.index))}${this.#path(path)} […${kept.length > 0 ? ` ${kept.join(' ')}` : ''}]`;
    }
    return this.#words(text);
  }

  /** Records have names as their fields now and then; ours are words of letters. */
  #fieldName(name: string): string {
    const kind = this.#known.get(name.toLowerCase()) ?? this.#wordy.get(name);
    if (kind !== undefined && !/^[a-z][A-Za-z]*$/.test(name)) return this.of(kind, name);
    return /^[A-Za-z][\w.-]*$/.test(name) ? name : this.text(name);
  }

  #words(text: string): string {
    let plain = text;
    for (const [name, kind] of this.#wordy)
      if (plain.includes(name)) plain = plain.replaceAll(name, this.of(kind, name));
    plain = plain
      .replaceAll(mail, (one) => this.of('person', one))
      .replaceAll(address, (one) => (everybodys.has(one) ? one : this.of('address', one)))
      .replaceAll(quoted, (all, mark: string, inner: string) =>
        /^(?:[a-z]+-[0-9a-f]{10}|[\w.:-]*)$/.test(inner) ? all : `${mark}${this.of('text', inner)}${mark}`,
      );
    return plain.replaceAll(word, (one) => this.#word(one));
  }

  #word(one: string): string {
    if (everybodys.has(one) || uuid.test(one)) return one;
    const kind = this.#known.get(one.toLowerCase());
    if (kind !== undefined) return this.of(kind, one);
    // A computer of the fleet with its domain.
    const dot = one.indexOf('.');
    if (dot > 0 && this.#known.get(one.slice(0, dot).toLowerCase()) === 'computer') return this.of('computer', one);
    return one;
  }

  #path(path: string): string {
    const separator = path.includes('\\') ? '\\' : '/';
    return path
      .split(/[/\\]/)
      .map((part, at) => {
        if (part === '' || part === '.' || part === '..' || commonFolders.has(part)) return part;
        if (at === 0 && /^[A-Za-z]:$/.test(part)) return part;
        return `p-${this.#mac(part)}`;
      })
      .join(separator);
  }

  #mac(name: string): string {
    return createHmac('sha256', this.#key).update(name).digest('hex').slice(0, 10);
  }
}

function fieldsOf(kind: NameKind, fields: readonly string[]): Record<string, NameKind> {
  return Object.fromEntries(fields.map((field) => [field, kind]));
}
