export { SnapshotView, type ViewObject } from './snapshot-view.ts';
