import { given, oneOf, textIn } from '../search-values.ts';

export const groupTypes = ['individual', 'csv', 'preinstalled'] as const;

/** What the table of groups shows, as it stands in the address. */
export function parseGroupsSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    text: textIn(search['text'], 100),
    type: oneOf(search['type'], groupTypes),
    order: oneOf(search['order'], ['desc']),
  });
}
