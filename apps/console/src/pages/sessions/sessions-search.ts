import { given, textIn } from '../search-values.ts';

/** What the table of sessions shows, as it stands in the address. */
export function parseSessionsSearch(search: Readonly<Record<string, unknown>>) {
  return given({ jobId: textIn(search['jobId']) });
}
