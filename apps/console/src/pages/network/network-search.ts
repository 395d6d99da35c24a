import { given, oneOf, textIn } from '../search-values.ts';

/** Ids of flows have the names of up to three hosts at each end. */
const maxFlowLetters = 2_000;

/** What the page of the network shows, as it stands in its address. */
export function parseNetworkSearch(search: Readonly<Record<string, unknown>>) {
  return given({
    view: oneOf(search['view'], ['map', 'table']),
    feature: textIn(search['feature']),
    zone: textIn(search['zone']),
    text: textIn(search['text']),
    /** What is chosen: a flow; else a node of the map; with `peer`, what is between the two. */
    flow: textIn(search['flow'], maxFlowLetters),
    node: textIn(search['node']),
    peer: textIn(search['peer']),
  });
}
export type NetworkSearch = ReturnType<typeof parseNetworkSearch>;
