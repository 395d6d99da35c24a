/** For the tests of other packages: `import { createTestInstallation } from '@holdfast/wire/testing'`. */
export {
  createTestInstallation,
  type IssueOptions,
  selfSigned,
  type TestInstallation,
  type TestLeaf,
} from './test-certificates.ts';
export { weakTlsItems } from './testing/weak-tls.ts';
