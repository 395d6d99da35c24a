export { serveExecutor } from './serve.ts';
