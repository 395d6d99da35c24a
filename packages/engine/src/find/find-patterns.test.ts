import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FindPatterns } from './find-patterns.ts';

const parts = (path: string): string[] => path.split('/').filter((name) => name !== '');

test('a pattern finds what it matches and everything below', () => {
  const patterns = new FindPatterns(['/home/*/x', '*.tmp', '!important']);
  for (const path of ['/home/ann/x', '/home/ann/x/deep/file', '/a/b.tmp', '/deep/!important'])
    assert.ok(patterns.matches(parts(path)), path);
  for (const path of ['/home/ann/y', '/home/x', '/important']) assert.ok(!patterns.matches(parts(path)), path);
});

test('folders in which nothing can match are left out, and no others', () => {
  const patterns = new FindPatterns(['/home/*/x', '/srv/**/y']);
  for (const path of ['/', '/home', '/home/ann', '/home/ann/x', '/home/ann/x/deep', '/srv', '/srv/a/b/c'])
    assert.ok(patterns.mayMatchBelow(parts(path)), path);
  for (const path of ['/etc', '/home/ann/y', '/home/ann/y/x', '/var/srv'])
    assert.ok(!patterns.mayMatchBelow(parts(path)), path);
  assert.ok(new FindPatterns(['/etc', 'x']).mayMatchBelow(['anywhere']));
});

test('letters of either size', () => {
  const patterns = new FindPatterns(['/Home/READ*'], { ignoreCase: true });
  assert.ok(patterns.matches(['hOME', 'ReadMe']));
  assert.ok(patterns.mayMatchBelow(['HOME']));
  assert.ok(!new FindPatterns(['READ*']).matches(['readme']));
});
