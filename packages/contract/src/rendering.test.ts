import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import {
  channels,
  listChannels,
  listRows,
  renderChannelTable,
  renderJsonLines,
  renderPortsDocument,
  renderRowTable,
  rows,
  selectChannels,
} from './index.ts';

test('docs/PORTS.md is current', () => {
  const file = readFileSync(new URL('../../../docs/PORTS.md', import.meta.url), 'utf8');
  assert.ok(file === renderPortsDocument(), 'run: node packages/contract/src/generate-docs.ts');
});

test('every link inside the document leads to a heading, and every heading is there once', () => {
  const text = renderPortsDocument();
  const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, target = '']) => target);
  assert.ok(links.length > channels.length);
  for (const target of links) assert.equal(anchors.filter((anchor) => anchor === target).length, 1, target);
});

test('the document names every channel and every row', () => {
  const text = renderPortsDocument();
  for (const { id } of channels) assert.ok(text.includes(`#### ${id}\n`), id);
  for (const { id } of rows) assert.ok(text.includes(`\`${id}\``), id);
});

test('the listings have exactly the documented fields', () => {
  const fields = ['id', 'from', 'to', 'transport', 'ports', 'rows', 'origin', 'features', 'fallbackOf', 'purpose'];
  const listed = listChannels();
  assert.equal(listed.length, channels.length);
  for (const entry of listed) assert.deepEqual(Object.keys(entry), fields);
  const rowFields = {
    live: ['id', 'channel', 'status', 'test', 'platforms'],
    planned: ['id', 'channel', 'status'],
    void: ['id', 'channel', 'status', 'reason'],
  };
  assert.equal(listRows().length, rows.length);
  for (const entry of listRows()) assert.deepEqual(Object.keys(entry), rowFields[entry.status]);
});

test('the JSON form has one entry a line and reads back', () => {
  const text = renderJsonLines(listRows());
  assert.deepEqual(JSON.parse(text), listRows());
  assert.equal(text.trimEnd().split('\n').length, rows.length + 2);
});

test('a role shows its channels, with what it is more generally and with its variants; a program shows all of its roles', () => {
  const ids = (role: string): string[] => selectChannels(role).map(({ id }) => id);
  assert.ok(ids('repository').includes('server-to-mover'));
  assert.ok(ids('repository').includes('agent-to-mover-data-overflow'));
  assert.ok(ids('data-mover').includes('agent-to-mover-transport'));
  assert.ok(!ids('agent-linux').includes('windows-agent-service'));
  assert.deepEqual(ids('server'), ids('backup-server'));
  for (const word of ['nobody', 'outside', '', 'toString'])
    assert.throws(
      () => selectChannels(word),
      (error) => hasCode(error, 'usage.option'),
      word,
    );
});

test('the table fits the terminal and leaves no channel out', () => {
  for (const columns of [80, 100, 132]) {
    const text = renderChannelTable({ columns });
    for (const line of text.split('\n')) assert.ok(line.length <= columns, line);
    for (const { id } of channels) assert.ok(text.includes(id), id);
  }
});

test('the table of a role tells incoming from outgoing', () => {
  const text = renderChannelTable({ role: 'backup-server' });
  const incoming = text.indexOf('INCOMING');
  const outgoing = text.indexOf('OUTGOING');
  const inside = text.indexOf('WITHIN ONE COMPUTER');
  const within = (id: string, from: number, to: number): boolean => text.slice(from, to).includes(` ${id}\n`);
  assert.ok(within('posix-agent-control', incoming, outgoing));
  assert.ok(within('server-to-mover', outgoing, inside));
  assert.ok(within('role-to-local-mover', inside, text.length));
  assert.ok(!text.includes('windows-agent-local-data'));
});

test('the row table has one line a row and the counts', () => {
  const lines = renderRowTable().trimEnd().split('\n');
  assert.equal(lines.length, rows.length + 2);
  assert.match(lines.at(-1) ?? '', /^158 rows: \d+ live, \d+ planned, 1 void\.$/);
});
