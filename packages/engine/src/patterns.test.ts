import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PatternList, patternText } from './patterns.ts';

const matches = (patterns: string | string[], path: string): boolean =>
  new PatternList([patterns].flat()).matches(path.split('/').filter((part) => part !== ''));

describe('patterns', () => {
  it('match a name at any depth, and everything below a folder', () => {
    assert.ok(matches('cache', '/home/a/cache'));
    assert.ok(matches('cache', '/home/a/cache/deep/file'));
    assert.ok(matches('*.tmp', '/x/y.tmp'));
    assert.ok(!matches('*.tmp', '/x/y.tmpx'));
    assert.ok(!matches('cache', '/home/mycache'));
    assert.ok(matches('build/out', '/p/build/out/a'));
    assert.ok(!matches('build/out', '/p/build/x/out'));
  });

  it('are anchored by a leading slash', () => {
    assert.ok(matches('/home/*/x', '/home/anne/x'));
    assert.ok(!matches('/home/*/x', '/srv/home/anne/x'));
    assert.ok(!matches('/home/*/x', '/home/anne/b/x'));
    assert.ok(matches('/', '/anything'));
  });

  it('span folders with **', () => {
    assert.ok(matches('/a/**/z', '/a/z'));
    assert.ok(matches('/a/**/z', '/a/b/c/z'));
    assert.ok(!matches('/a/**/z', '/b/a/z'));
    assert.ok(matches('/a/**', '/a/b'));
    assert.ok(!matches('/a/**', '/a'));
  });

  it('know classes, escapes and single characters', () => {
    assert.ok(matches('f[0-9]', '/f7'));
    assert.ok(!matches('f[^0-9]', '/f7'));
    assert.ok(matches('f[]]', '/f]'));
    assert.ok(matches('\\*', '/*'));
    assert.ok(!matches('\\*', '/a'));
    assert.ok(matches('?', '/é'));
    assert.ok(matches('a.b', '/a.b'));
    assert.ok(!matches('a.b', '/axb'));
  });

  it('let the last pattern that matches decide', () => {
    assert.ok(!matches(['*.log', '!keep.log'], '/keep.log'));
    assert.ok(matches(['*.log', '!keep.log', '/keep.log'], '/keep.log'));
  });

  it('refuse what is malformed, and never hang or throw anything else', () => {
    for (const wrong of ['[', '[a', 'a\\', '[z-a]', '../x', '!', 'x'.repeat(5000)])
      assert.throws(() => new PatternList([wrong]), { code: 'usage.option' }, wrong);
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (pattern, path) => {
        try {
          matches(pattern, path);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'usage.option');
        }
      }),
    );
  });

  it('see names that are not UTF-8 byte by byte', () => {
    const name = patternText(Buffer.from([0x61, 0xff, 0x62]));
    assert.ok(new PatternList(['a?b']).matches([name]));
  });
});
