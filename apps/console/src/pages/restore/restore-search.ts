import { given, oneOf, textIn } from '../search-values.ts';

export const restoreViews = ['browse', 'search', 'compare'] as const;

/** What is looked at for a restore, as it stands in the address: a link shows the same folder of the same backup. */
export function parseRestoreSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    computer: textIn(search['computer']),
    repository: textIn(search['repository']),
    snapshot: textIn(search['snapshot']),
    path: pathIn(search['path']),
    view: oneOf(search['view'], ['search', 'compare']),
    /** What is searched for. */
    find: textIn(search['find']),
    /** The point to compare with, of the same repository. */
    with: textIn(search['with']),
    from: dayIn(search['from']),
    to: dayIn(search['to']),
  });
}
export type RestoreSearch = ReturnType<typeof parseRestoreSearch>;

function pathIn(value: unknown): string | undefined {
  return typeof value === 'string' && value.startsWith('/') && value.length <= 4096 ? value : undefined;
}

function dayIn(value: unknown): string | undefined {
  const isDay = typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value));
  return isDay ? value : undefined;
}
