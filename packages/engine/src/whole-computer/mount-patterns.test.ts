import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PatternList } from '../patterns.ts';
import { exactPattern, patternsFor } from './mount-patterns.ts';

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '');

test('in left-out folders nothing is backed up but the file systems that are kept below them', () => {
  const patterns = patternsFor({
    kept: ['/', '/home', '/run/media/usb', '/run/media/usb/deep'],
    folders: [{ path: '/proc' }, { path: '/run' }, { path: '/run/user/7' }, { path: '/run/media/usb/ram' }],
  });
  assert.deepEqual(patterns, [
    '/proc/*',
    '/run/*',
    '!/run/media',
    '/run/media/*',
    '!/run/media/usb',
    '/run/media/usb/ram/*',
  ]);
  const list = new PatternList(patterns);
  for (const path of ['/proc/1', '/run/x', '/run/media/other', '/run/user/7/bus', '/run/media/usb/ram/x'])
    assert.equal(list.matches(partsOf(path)), true, path);
  for (const path of [
    '/proc',
    '/run',
    '/run/media',
    '/run/media/usb/file',
    '/run/media/usb/deep/x',
    '/run/media/usb/ram',
    '/srv',
  ])
    assert.equal(list.matches(partsOf(path)), false, path);
});

test('whatever is mounted where: a path is left out exactly if the innermost mount above it is', () => {
  const name = fc.constantFrom('a', '[b]*\\');
  const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => `/${names.join('/')}`);
  const mounts = fc.uniqueArray(fc.record({ path, isKept: fc.boolean() }), {
    selector: (one) => one.path,
    maxLength: 9,
  });
  fc.assert(
    fc.property(mounts, path, (all, looked) => {
      const kept = ['/', ...all.filter(({ isKept }) => isKept).map((one) => one.path)];
      const folders = all.filter(({ isKept }) => !isKept);
      const list = new PatternList(patternsFor({ kept, folders }));
      // As the backup does: nothing below a folder that is left out is looked at.
      const parts = partsOf(looked);
      const seen = !parts.some((_, at) => list.matches(parts.slice(0, at + 1)));
      const innermost = all
        .filter((one) => looked.startsWith(`${one.path}/`))
        .toSorted((a, b) => b.path.length - a.path.length)[0];
      // The way to a file system that is kept is there as empty folders.
      const leadsToKept = kept.some((one) => one === looked || one.startsWith(`${looked}/`));
      assert.equal(seen, leadsToKept || (innermost?.isKept ?? true), JSON.stringify(patternsFor({ kept, folders })));
    }),
    { numRuns: 2000 },
  );
});

test('a pattern of a path matches it alone, whatever is in its name', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ minLength: 1 }).filter((one) => !/[/\0]/.test(one) && !/^\.+$/.test(one)),
        { minLength: 1, maxLength: 3 },
      ),
      (parts) => {
        const list = new PatternList([exactPattern(`/${parts.join('/')}`)]);
        assert.equal(list.matches(parts), true);
        assert.equal(list.matches([...parts.slice(0, -1), `${parts.at(-1) ?? ''}x`]), false);
      },
    ),
  );
});
