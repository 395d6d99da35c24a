import { given, oneOf, textIn } from '../search-values.ts';

/** What the tables of jobs and of policies show, as it stands in the address. */
export function parseJobsSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    text: textIn(search['text'], 100),
    enabled: oneOf(String(search['enabled']), ['true', 'false']),
    agentId: textIn(search['agentId']),
    repositoryId: textIn(search['repositoryId']),
    sort: oneOf(search['sort'], ['name']),
    order: oneOf(search['order'], ['desc']),
  });
}
export type JobsSearch = ReturnType<typeof parseJobsSearch>;

/** Whether some are left out. */
export function areFiltered(search: JobsSearch): boolean {
  return [search.text, search.enabled, search.agentId, search.repositoryId].some((one) => one !== undefined);
}
