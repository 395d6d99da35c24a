export { type Block, contains, parseBlock } from './address.ts';
export { loadTopology, parseTopology, parseTopologyJson, readTopologyJson, type TopologyReading } from './load.ts';
export { didYouMean } from './nearest.ts';
export { Problems } from './problems.ts';
export { type DialStyle, dialStyles, type Host, type TopologyDocument, topologyDocument } from './schema.ts';
export type { Path, Source, SourceForm } from './source.ts';
export type { AllowEnd, AllowRule, Topology, TopologyHost, Zone } from './topology.ts';
export { shownValue, valueAt } from './values.ts';
export { YamlSource } from './yaml-source.ts';
