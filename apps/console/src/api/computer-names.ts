import { queryOptions } from '@tanstack/react-query';
import { call } from './call.ts';

/** As many as the server looks up at once. */
const mostAtOnce = 100;
/** The rows of a table ask one after the other while it is drawn. */
const gatheringMs = 10;
const goodForMs = 5 * 60_000;

/** What is asked for together: names by id, and null for those that are not there. */
interface Batch {
  readonly ids: Set<string>;
  readonly names: Promise<ReadonlyMap<string, string>>;
}

let gathering: Batch | undefined;

/** The name of a computer. A table shows many: all that are wanted at the same time are one request. */
export function computerNameQuery(id: string) {
  return queryOptions({
    queryKey: ['computer-name', id],
    staleTime: goodForMs,
    queryFn: async (): Promise<string | null> => {
      const batch = gathering ?? begin();
      batch.ids.add(id);
      if (batch.ids.size === mostAtOnce) gathering = undefined;
      return (await batch.names).get(id) ?? null;
    },
  });
}

function begin(): Batch {
  const ids = new Set<string>();
  const batch = { ids, names: ask(ids) };
  gathering = batch;
  return batch;
}

async function ask(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  await new Promise((resolve) => setTimeout(resolve, gatheringMs));
  if (gathering?.ids === ids) gathering = undefined;
  const { computers } = await call('computers', { query: { ids: [...ids].join(','), limit: mostAtOnce } });
  return new Map(computers.map(({ id, hostname }) => [id, hostname]));
}
