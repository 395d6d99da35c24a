/** The schema alone, without a parser: for the server, which exports its inventory as a topology. */
export { type Host, type TopologyDocument, topologyDocument } from '../schema.ts';
