export { type FindEntriesOptions, findEntries } from './find-entries.ts';
export { blobsOfPacks, type FoundObject, findObjects, IdPrefixes, type WantedObjects } from './find-objects.ts';
export { FindPatterns } from './find-patterns.ts';
