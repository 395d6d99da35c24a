export { measureSnapshots, type Stats, type StatsMode, type StatsOptions } from './measure-snapshots.ts';
