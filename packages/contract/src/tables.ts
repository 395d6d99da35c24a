import { type Channel, channels } from './channels.ts';
import { listRows, rolesToShow, selectChannels } from './listing.ts';
import type { Role } from './roles.ts';
import { countRows, isOff, rowStatuses } from './row-status.ts';
import { formatBusy, formatPorts, formatRoles } from './wording.ts';

export interface TableOptions {
  /** A role or program as `parseRoles` reads it; every channel if left out. */
  readonly role?: string;
  /** Width of the terminal in characters. Lines are broken to fit; names are never cut. */
  readonly columns?: number;
}

/** Narrower than this, breaking lines makes the table harder to read than letting the terminal wrap them. */
const narrowestColumns = 60;
const defaultColumns = 100;
const portColumn = 22;

function wrap(text: string, o: { indent: number; columns: number }): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && o.indent + line.length + 1 + word.length > o.columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((each) => ' '.repeat(o.indent) + each);
}

/** `both` for a list of everything, `from` or `to` where only the other end is of interest. */
type Ends = 'both' | 'from' | 'to';

function formatEnds(entry: Channel, ends: Ends): string {
  if (entry.loopbackOnly) return `${formatRoles(entry.to)}, within one computer`;
  if (ends === 'both') return `${formatRoles(entry.from)} -> ${formatRoles(entry.to)}`;
  return `${ends} ${formatRoles(entry[ends])}`;
}

function describe(entry: Channel, ends: Ends, columns: number): string[] {
  const off = isOff(entry.id);
  const ports = formatPorts(entry, off);
  const lines = [`  ${ports.padEnd(portColumn)}${ports.length < portColumn ? '' : '  '}${entry.id}`];
  const busy = formatBusy(entry);
  const remarks = [
    entry.purpose,
    ...(busy ? [`Port: ${busy}.`] : []),
    ...(entry.optional && !off ? [`Needed ${entry.optional.condition}.`] : []),
    ...(entry.fallbackOf ? [`Stands in for ${entry.fallbackOf}.`] : []),
  ];
  const indent = 2 + portColumn;
  for (const text of [formatEnds(entry, ends), ...remarks]) lines.push(...wrap(text, { indent, columns }));
  return lines;
}

function section(o: { title: string; entries: readonly Channel[]; ends: Ends; columns: number }): string[] {
  if (o.entries.length === 0) return [];
  return [
    `${o.title} (${o.entries.length})`,
    '',
    ...o.entries.flatMap((entry) => [...describe(entry, o.ends, o.columns), '']),
  ];
}

const subjectTitles: Readonly<Record<Channel['subject'], string>> = {
  'control-plane': 'CONTROL',
  data: 'DATA',
  local: 'WITHIN ONE COMPUTER',
  deployment: 'DEPLOYMENT AND RESTORE TO RUNNING COMPUTERS',
  distribution: 'DISTRIBUTION SERVERS',
  'object-storage': 'OBJECT STORAGE',
  cloud: 'CLOUD MACHINES AND SERVICE PROVIDERS',
  shares: 'SHARED FOLDERS',
  services: 'SERVICES OF THE NETWORK',
  own: 'BETWEEN OUR OWN PARTS',
};

/**
 * The channels as `holdfast ports list` prints them: by subject, or, for one role, by what the role's computer has to open,
 * what it dials, and what stays inside. Throws `usage.option` for an unknown role.
 */
export function renderChannelTable(options: TableOptions = {}): string {
  const columns = Math.max(options.columns ?? defaultColumns, narrowestColumns);
  const selected = selectChannels(options.role);
  const lines: string[] = [];
  if (options.role === undefined) {
    for (const subject of Object.keys(subjectTitles) as Channel['subject'][]) {
      const entries = selected.filter((entry) => entry.subject === subject);
      lines.push(...section({ title: subjectTitles[subject], entries, ends: 'both', columns }));
    }
  } else {
    const mine = rolesToShow(options.role);
    const has = (ends: readonly Role[]): boolean => ends.some((role) => mine.has(role));
    const inside = (entry: Channel): boolean => entry.loopbackOnly || entry.transport === 'local';
    const incoming = selected.filter((entry) => !inside(entry) && has(entry.to));
    const outgoing = selected.filter((entry) => !inside(entry) && has(entry.from));
    const title = {
      in: `INCOMING: open these on the computer of ${options.role}`,
      out: `OUTGOING: ${options.role} dials these`,
    };
    lines.push(
      ...section({ title: title.in, entries: incoming, ends: 'from', columns }),
      ...section({ title: title.out, entries: outgoing, ends: 'to', columns }),
      ...section({
        title: 'WITHIN ONE COMPUTER: no firewall rule',
        entries: selected.filter(inside),
        ends: 'both',
        columns,
      }),
    );
  }
  const own = selected.filter((entry) => entry.origin === 'own').length;
  lines.push(
    `${selected.length} of ${channels.length} channels, ${own} of them our own. docs/PORTS.md has the details.`,
  );
  return `${lines.join('\n')}\n`;
}

/** The rows as `holdfast ports rows` prints them: one line each, then the counts. */
export function renderRowTable(): string {
  const listed = listRows();
  const idWidth = Math.max(...listed.map(({ id }) => id.length));
  const lines = listed.map(({ id, channel, status, test, platforms, reason }) => {
    const about = test === undefined ? reason : `${test} (${platforms?.join(', ')})`;
    return `${status.padEnd(7)}  ${id.padEnd(idWidth)}  ${channel}${about === undefined ? '' : `  ${about}`}`;
  });
  const counts = countRows();
  return `${lines.join('\n')}\n\n${rowStatuses.length} rows: ${counts.live} live, ${counts.planned} planned, ${counts.void} void.\n`;
}
