export { type CopyOptions, type CopyProgress, type CopyReport, copySnapshots } from './copy-snapshots.ts';
