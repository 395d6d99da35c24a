import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readHits, versionsOf } from './found-versions.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('the same file in several points is one version, with the newest point that has it', () => {
  const read = readHits();
  const lines = [
    { kind: 'snapshot', id: 'old', document: '' },
    { kind: 'node', path: base64('/a/ü.txt'), node: JSON.stringify({ type: 'file', size: 1, mtime: 'x' }) },
    { kind: 'snapshot', id: 'middle', document: '' },
    { kind: 'node', path: base64('/a/ü.txt'), node: JSON.stringify({ type: 'file', size: 1, mtime: 'x' }) },
    { kind: 'snapshot', id: 'new', document: '' },
    { kind: 'node', path: base64('/a/ü.txt'), node: JSON.stringify({ type: 'file', size: 2, mtime: 'y' }) },
  ] as const;
  const hits = lines.map(read).filter((hit) => hit !== undefined);
  const takenAt = new Map([
    ['old', '2026-01-01'],
    ['middle', '2026-01-02'],
    ['new', '2026-01-03'],
  ]);
  assert.deepEqual(
    versionsOf(hits, takenAt).map(({ path, newest, count }) => ({ path, newest, count })),
    [
      { path: '/a/ü.txt', newest: 'new', count: 1 },
      { path: '/a/ü.txt', newest: 'middle', count: 2 },
    ],
  );
});
