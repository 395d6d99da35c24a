import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { damageLargestFile } from './damage.ts';
import { compareTrees } from './tree-comparison.ts';

function twoTrees(t: TestContext): { source: string; restored: string } {
  const folder = temporaryFolder(t);
  const [source, restored] = [join(folder, 'source'), join(folder, 'restored')];
  mkdirSync(join(source, 'inner'), { recursive: true });
  writeFileSync(join(source, 'large'), Buffer.alloc(2_500_000, 'x'));
  writeFileSync(join(source, 'inner', 'empty'), '');
  cpSync(source, restored, { recursive: true, preserveTimestamps: true });
  return { source, restored };
}

test('equal trees do not differ', (t) => {
  const { source, restored } = twoTrees(t);
  assert.deepEqual(compareTrees(source, restored), []);
});

test('nothing restored is everything missing', (t) => {
  const { source, restored } = twoTrees(t);
  assert.deepEqual(compareTrees(source, `${restored}/nowhere`).toSorted(), ['inner is missing', 'large is missing']);
});

const changes: Readonly<Record<string, { change(restored: string): void; found: RegExp }>> = {
  'one byte of a large file': {
    change: (restored) => {
      damageLargestFile(restored);
      utimesSync(join(restored, 'large'), 1, 1);
    },
    found: /large has other content/,
  },
  'a shorter file': { change: (restored) => truncateSync(join(restored, 'large'), 5), found: /large has 5 bytes/ },
  'another mode': { change: (restored) => chmodSync(join(restored, 'large'), 0o611), found: /large has the mode 611/ },
  'another time': { change: (restored) => utimesSync(join(restored, 'inner/empty'), 1, 1), found: /empty has another/ },
  'one file too many': { change: (restored) => writeFileSync(join(restored, 'inner/x'), ''), found: /inner\/x is too/ },
  'a lost file': { change: (restored) => rmSync(join(restored, 'inner/empty')), found: /inner\/empty is missing/ },
  'another kind': {
    change: (restored) => {
      rmSync(join(restored, 'large'));
      symlinkSync('inner', join(restored, 'large'));
    },
    found: /large is a symbolic link, not a file/,
  },
};
for (const [name, { change, found }] of Object.entries(changes))
  test(`${name} is found`, (t) => {
    const { source, restored } = twoTrees(t);
    change(restored);
    assert.match(compareTrees(source, restored).join('; '), found);
  });
