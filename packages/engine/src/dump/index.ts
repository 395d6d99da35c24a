export { type DumpSink, dumpFile, dumpFolder } from './dump.ts';
