import { given, oneOf, textIn, timeIn } from '../search-values.ts';
import { sessionKinds, sessionStates } from '../sessions/sessions-search.ts';

/** What the table of tasks shows, as it stands in the address. */
export function parseRunsSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    state: oneOf(search['state'], sessionStates),
    kind: oneOf(search['kind'], sessionKinds),
    agentId: textIn(search['agentId']),
    repositoryId: textIn(search['repositoryId']),
    errorCode: textIn(search['errorCode']),
    endedFrom: timeIn(search['endedFrom']),
    endedTo: timeIn(search['endedTo']),
    sort: oneOf(search['sort'], ['state', 'ended', 'processedBytes', 'storedBytes']),
    order: oneOf(search['order'], ['asc']),
    superseded: oneOf(String(search['superseded']), ['true', 'false']),
  });
}
