import { given, oneOf, textIn } from '../search-values.ts';

/** What the table of repositories shows, as it stands in the address. */
export function parseRepositoriesSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    text: textIn(search['text']),
    group: textIn(search['group']),
    moverId: textIn(search['moverId']),
    measured: oneOf(String(search['measured']), ['true', 'false']),
    sort: oneOf(search['sort'], ['name', 'usedBytes']),
    order: oneOf(search['order'], ['desc']),
  });
}
