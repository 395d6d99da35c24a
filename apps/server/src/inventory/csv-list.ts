import { isIP } from 'node:net';
import { HoldfastError } from '@holdfast/core';
import { expectedFields } from '@holdfast/protocol';
import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { maxCsvBytes, maxExpectedComputers, maxNamedMistakes } from '../limits.ts';

const listed = z.object(expectedFields);
export type ListedComputer = z.output<typeof listed>;

const columns = ['name', 'address', 'platform', 'comment'] as const;
type Column = (typeof columns)[number];
/** As people write them. */
const platforms: Readonly<Record<string, string>> = { windows: 'win32', macos: 'darwin', solaris: 'sunos' };

/**
 * Reads a list of computers in CSV (RFC 4180, UTF-8, with or without a byte order mark): a host name or an address in each line, and
 * if wanted its address, platform and a comment. A first line that names columns gives their order; columns of other names are
 * passed over. Of a name that comes twice the last line counts. Throws `request.invalid` with the lines that are wrong.
 */
export function readCsvList(content: string): ListedComputer[] {
  if (Buffer.byteLength(content) > maxCsvBytes) throw invalid([`it is larger than ${maxCsvBytes} bytes`]);
  const records = recordsOf(content);
  const first = records[0]?.cells.map((cell) => cell.toLowerCase());
  const isHeader = first?.some((cell) => cell === 'name' || cell === 'address') ?? false;
  const order = isHeader ? (first ?? []) : columns;
  const computers = new Map<string, ListedComputer>();
  const mistakes: string[] = [];
  for (const { cells, line } of isHeader ? records.slice(1) : records) {
    const row = cells.length > order.length ? undefined : rowOf(cells, order);
    const parsed = row && listed.safeParse(row);
    if (parsed?.success) computers.set(parsed.data.name, parsed.data);
    else
      mistakes.push(
        `line ${line}: ${parsed?.error.issues[0] ? `${parsed.error.issues[0].path.join('.')}: ${parsed.error.issues[0].message}` : `${cells.length} columns where there can be ${order.length}`}`,
      );
  }
  if (mistakes.length > 0) throw invalid(mistakes);
  if (computers.size > maxExpectedComputers) throw invalid([`it lists more than ${maxExpectedComputers} computers`]);
  return [...computers.values()];
}

/** What the parser gives with `info`: the line is that on which the record ends. */
const parsedRecords = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.number() }) }));

interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

function recordsOf(content: string): CsvRecord[] {
  try {
    const options = { bom: true, info: true, trim: true, skip_empty_lines: true, relax_column_count: true };
    // More are refused anyway.
    return parsedRecords
      .parse(parse(content, { ...options, to: 2 * maxExpectedComputers }))
      .map(({ record, info }) => ({ cells: record, line: info.lines }))
      .filter(({ cells }) => cells.some((cell) => cell !== ''));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw invalid([`line ${String(error['lines'])}: ${error.message}`]);
  }
}

/** Empty cells are as good as none; an address alone names the computer too. */
function rowOf(cells: readonly string[], order: readonly string[]): Partial<Record<Column, string>> {
  const cell = (column: Column): string | undefined => cells[order.indexOf(column)] || undefined;
  const [address, comment, platform] = [cell('address'), cell('comment'), cell('platform')?.toLowerCase()];
  const name = (cell('name') ?? address)?.toLowerCase();
  const known = address ?? (name !== undefined && isIP(name) !== 0 ? name : undefined);
  return {
    ...(name === undefined ? {} : { name }),
    ...(known === undefined ? {} : { address: known }),
    ...(platform === undefined ? {} : { platform: platforms[platform] ?? platform }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function invalid(mistakes: readonly string[]): HoldfastError {
  const more = mistakes.length > maxNamedMistakes ? `; and ${mistakes.length - maxNamedMistakes} more` : '';
  return new HoldfastError('request.invalid', {
    message: `The list of computers is not valid: ${mistakes.slice(0, maxNamedMistakes).join('; ')}${more}.`,
    guidance: 'Mend the list; what was known before stays.',
  });
}
