import { HoldfastError } from '@holdfast/core';
import { type Expression, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import { z } from 'zod';
import type { Database } from './schema.ts';

/** What a caller asks for: how many rows, and after which. */
export interface PageRequest {
  readonly limit: number;
  readonly after?: string | undefined;
}

/** Whether a text holds a part, whatever the case. */
export function holds(column: Expression<unknown>, part: string) {
  const pattern = `%${part.toLowerCase().replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql<SqlBool>`lower(${column}) like ${pattern} escape '\\'`;
}

/** How many rows a query has, where that is asked for. */
export async function totalOf<Table extends keyof Database, Row>(
  query: SelectQueryBuilder<Database, Table, Row>,
  isAsked: boolean,
): Promise<{ total?: number }> {
  if (!isAsked) return {};
  const { total } = await query
    .clearSelect()
    .select(({ fn }) => fn.countAll().as('total'))
    .executeTakeFirstOrThrow();
  return { total: Number(total) };
}

/** The columns that a list is ordered by, and their types. The last one makes the order a total one. */
type PageOrder<Row> = Readonly<Partial<Record<keyof Row & string, 'text' | 'number'>>>;

const columnValue = { text: z.string(), number: z.number().int() };

/**
 * One page of a query, in the order of those columns. `next`, absent on the last page, is the place of its last row; it comes back
 * from outside as `after`, and is no more than a place in the caller's own list. Throws `request.invalid` for one that is none.
 */
export async function readPage<Table extends keyof Database, Row, Item>(
  query: SelectQueryBuilder<Database, Table, Row>,
  o: PageRequest & { order: PageOrder<Row>; newestFirst?: boolean; view: (row: Row) => Item },
): Promise<{ items: Item[]; next?: string }> {
  const columns = Object.keys(o.order) as (keyof Row & string)[];
  const references = columns.map((column) => sql.ref(column));
  let ordered = query.limit(o.limit + 1);
  for (const reference of references) ordered = ordered.orderBy(reference, o.newestFirst ? 'desc' : 'asc');
  if (o.after !== undefined) {
    const place = sql.join(parsePlace(o.after, Object.values(o.order)));
    const further = sql.raw(o.newestFirst ? '<' : '>');
    ordered = ordered.where(sql<boolean>`(${sql.join(references)}) ${further} (${place})`);
  }
  const rows = (await ordered.execute()) as Row[];
  const page = rows.slice(0, o.limit);
  const last = page.at(-1);
  const items = page.map(o.view);
  if (rows.length <= o.limit || !last) return { items };
  return {
    items,
    next: Buffer.from(JSON.stringify(columns.map((column) => last[column])), 'utf8').toString('base64url'),
  };
}

function parsePlace(after: string, types: readonly ('text' | 'number')[]): (string | number)[] {
  try {
    const values = z
      .array(z.unknown())
      .length(types.length)
      .parse(JSON.parse(Buffer.from(after, 'base64url').toString('utf8')));
    return types.map((type, at) => columnValue[type].parse(values[at]));
  } catch (error) {
    throw new HoldfastError('request.invalid', {
      message: 'The query is not valid: after: give what the page before gave as `next`.',
      cause: error,
    });
  }
}
