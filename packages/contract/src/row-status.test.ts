import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errnoOf } from '@holdfast/core';
import { countRows, type LiveRow, type RowId, rolePlatforms, rowStatuses, rows } from './index.ts';
import { liveRows, voidRows } from './row-status.ts';
import { findRow } from './rows.ts';

const root = new URL('../../../', import.meta.url);

function readRepositoryFile(path: string): string | undefined {
  try {
    return readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Why the entry does not make the row live, or undefined when it does. */
function problem(id: string, live: LiveRow, read: (path: string) => string | undefined): string | undefined {
  const row = findRow(id);
  if (!row) return 'no such row';
  const [path = '', title = '', ...rest] = live.test.split(' › ');
  if (!path.endsWith('.test.ts') || title === '' || rest.length > 0) return 'not "file › title"';
  const source = read(path);
  if (source === undefined) return 'no such file';
  const quoted = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  if (!new RegExp(`\\b(?:test|it)\\(\\s*(['"\`])${quoted}\\1`).test(source)) return 'no such test';
  for (const end of [row.from, row.to]) {
    const possible = new Set(end.flatMap((role) => [...rolePlatforms(role)]));
    if (!live.platforms.some((platform) => possible.has(platform)))
      return `no ${end.join(', ')} on ${live.platforms.join(', ')}`;
  }
  return undefined;
}

test('every live row names a test that exists, on a platform that its roles can have', () => {
  for (const [id, live] of Object.entries(liveRows)) assert.equal(problem(id, live, readRepositoryFile), undefined, id);
});

test('a live row with a wrong file, title, id or platform is found out', () => {
  const source = "test('makes the connection', () => {});";
  const read = (path: string): string | undefined => (path === 'a.test.ts' ? source : undefined);
  const linux: RowId = 'linux-agent-to-server.control';
  const live = (test: LiveRow['test'], platform: 'linux' | 'windows' = 'linux'): LiveRow => ({
    test,
    platforms: [platform],
  });
  assert.equal(problem(linux, live('a.test.ts › makes the connection'), read), undefined);
  assert.equal(problem(linux, live('b.test.ts › makes the connection'), read), 'no such file');
  assert.equal(problem(linux, live('a.test.ts › makes the'), read), 'no such test');
  assert.equal(problem(linux, live('a.ts › makes the connection'), read), 'not "file › title"');
  assert.equal(problem('nonsense', live('a.test.ts › makes the connection'), read), 'no such row');
  const windows: RowId = 'server-to-windows-agent.service';
  assert.equal(problem(windows, live('a.test.ts › makes the connection'), read), 'no agent-windows on linux');
  assert.equal(problem(linux, live('a.test.ts › makes the connection', 'windows'), read), 'no agent-linux on windows');
});

test('a row is live, planned or void, and void rows share no channel with others', () => {
  const counts = countRows();
  assert.equal(counts.live + counts.planned + counts.void, rows.length);
  assert.equal(counts.live, Object.keys(liveRows).length);
  assert.equal(counts.void, Object.keys(voidRows).length);
  for (const [id, reason] of Object.entries(voidRows)) {
    assert.ok(!(id in liveRows), id);
    assert.ok(reason.length > 20, id);
    const entry = rowStatuses.find((row) => row.id === id)?.channel;
    assert.ok(entry, id);
    assert.ok(
      entry.rows.every((row) => voidRows[row] !== undefined),
      id,
    );
    assert.deepEqual(entry.ports, [], id);
  }
});
