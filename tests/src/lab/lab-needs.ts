import { skipUnless } from '@holdfast/core/testing';

/** What a test needs that builds computers of @holdfast/lab; fits the `skip` option of `node:test`. */
export const labNeeds = skipUnless({ programs: ['ip', 'nft'], root: true, networkNamespaces: true, platform: 'linux' });

/** How `holdfast` is called in a lab: the program, and its first argument. */
export const holdfastProgram: readonly [program: string, file: string] = [
  process.execPath,
  new URL('../../../apps/cli/src/main.mjs', import.meta.url).pathname,
];
