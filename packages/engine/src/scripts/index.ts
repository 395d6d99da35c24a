export { OutputTail } from './output-tail.ts';
export { environmentWithoutPasswords, runScript, type Script } from './run-script.ts';
