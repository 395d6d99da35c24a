export { type BundleFile, type LeftOut, manifestFile, writeBundle } from './bundle.ts';
export { certificateFacts, processFacts, productFacts } from './facts.ts';
export { KeptLog, keptLines } from './kept-log.ts';
export { bundleLimits } from './limits.ts';
export { shownLine } from './log-line.ts';
export { type NameKind, Pseudonyms } from './pseudonyms.ts';
export { type Shown, type ShownFields, shown } from './shown.ts';
