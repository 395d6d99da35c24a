export type { ExecutorCommand } from './executor-process.ts';
export { Executors, type ServeExecutor } from './executors.ts';
export { Sandboxes } from './sandboxes.ts';
