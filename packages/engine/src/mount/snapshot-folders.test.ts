import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FoundSnapshot, parseObjectId, type Snapshot } from '@holdfast/repository';
import { formatGoTime } from './go-time.ts';
import { checkTemplates, defaultTemplates, snapshotFolders } from './snapshot-folders.ts';

const tree = parseObjectId('0'.repeat(64), 'test');

function found(number: number, fields: Partial<Snapshot>): FoundSnapshot {
  const id = parseObjectId(String(number).repeat(64), 'test');
  return { id, snapshot: { time: '2026-03-04T05:06:07.5+01:00', tree, paths: ['/'], hostname: 'web1', ...fields } };
}

function lines(snapshots: readonly FoundSnapshot[], templates = defaultTemplates): string[] {
  return [...snapshotFolders(snapshots, templates)].flatMap(([path, folder]) =>
    [...folder].map(([name, item]) => {
      const what = item.kind === 'link' ? `-> ${item.target}` : item.kind === 'snapshot' ? item.found.id[0] : '/';
      return `${path} ${name} ${what}`;
    }),
  );
}

test('the folders are those of restic, also while there are no snapshots', () => {
  assert.deepEqual(lines([]).sort(), ['/ hosts /', '/ ids /', '/ snapshots /', '/ tags /']);
  const all = lines([found(2, { time: '2026-03-05T00:00:00Z', tags: ['a', 'b'] }), found(1, {}), found(3, {})]);
  assert.deepEqual(all.filter((line) => line.startsWith('/snapshots ')).sort(), [
    '/snapshots 2026-03-04T05:06:07+01:00 1',
    '/snapshots 2026-03-04T05:06:07+01:00-1 3',
    '/snapshots 2026-03-05T00:00:00Z 2',
    '/snapshots latest -> 2026-03-05T00:00:00Z',
  ]);
  assert.ok(all.includes('/ids 11111111 1'));
  assert.ok(all.includes('/tags/b latest -> 2026-03-05T00:00:00Z'));
  assert.ok(all.includes('/hosts/web1 latest -> 2026-03-05T00:00:00Z'));
});

test('names that lead elsewhere become harmless', () => {
  const odd = [found(1, { hostname: '../../etc', tags: ['..', 'a/b', '%h'] }), found(2, { hostname: '' })];
  const all = lines(odd);
  assert.ok(all.includes('/hosts .._.._etc /'));
  assert.ok(all.includes('/hosts _ /'));
  for (const name of ['__', 'a_b', '%h']) assert.ok(all.includes(`/tags ${name} /`), name);
  for (const line of all) assert.doesNotMatch(line, /\/\.\.?(\/| )/);
});

test('templates', () => {
  assert.deepEqual(lines([found(1, { username: 'ann' })], { paths: ['by/%u/%I'], time: '2006' }), [
    '/ by /',
    '/by ann /',
    `/by/ann ${'1'.repeat(64)} 1`,
  ]);
  assert.throws(() => checkTemplates({ paths: ['all'], time: '2006' }), { code: 'usage.option' });
  assert.throws(() => checkTemplates({ paths: ['%i'], time: '/2006' }), { code: 'usage.option' });
});

test("times by Go's layouts", () => {
  const time = '2026-03-04T15:06:07.123-02:30';
  const expected: Readonly<Record<string, string>> = {
    '2006-01-02_15-04-05': '2026-03-04_15-06-07',
    'Mon Jan _2 03:04PM 2006 Z07:00': 'Wed Mar  4 03:06PM 2026 -02:30',
    'Monday, 2 January 06 -0700': 'Wednesday, 4 March 26 -0230',
  };
  for (const [layout, text] of Object.entries(expected)) assert.equal(formatGoTime(time, layout), text);
  assert.equal(formatGoTime('2026-03-04T00:00:00Z', '2006-01-02T15:04:05Z07:00'), '2026-03-04T00:00:00Z');
});
