/** For the benchmarks: `import { TestServer } from '@holdfast/server/testing'`. */
export { sharedFiles } from '../instances/shared-files.ts';
export { hiddenFields, TestBrowser } from './test-browser.ts';
export { TestOutsideProvider } from './test-outside-provider.ts';
export { TestPostgres } from './test-postgres.ts';
export { type Enrolled, TestServer } from './test-server.ts';
