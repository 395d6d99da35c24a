import { given, oneOf, textIn } from '../search-values.ts';

/** Which alerts are shown, as it stands in the address. */
export function parseAlertsSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    state: oneOf(search['state'], ['open', 'acknowledged', 'false-alarm']),
    agentId: textIn(search['agentId']),
  });
}
