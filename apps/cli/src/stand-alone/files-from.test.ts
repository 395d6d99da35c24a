import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { listedPaths } from './files-from.ts';

const none = (message: string): void => assert.fail(message);

test('the root can be listed', async (t) => {
  const list = join(temporaryFolder(t), 'list');
  writeFileSync(list, '/\n');
  const root = Buffer.from('/');
  assert.deepEqual(await listedPaths({ filesFrom: [list] }, none), [root]);
  assert.deepEqual(await listedPaths({ filesFromVerbatim: [list] }, none), [root]);
});

test('names are bytes, UTF-8 or not, in every kind of list', { skip: skipUnless({ platform: 'linux' }) }, async (t) => {
  const folder = temporaryFolder(t);
  const inside = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name]);
  // The last byte of à is one that is a blank alone.
  const names = ['f\xff', 'f\xff2', 'g\xa0'].map((name) => Buffer.from(name, 'latin1'));
  names.push(Buffer.from('voilà'));
  for (const name of names) mkdirSync(inside(name));
  const paths = names.map(inside);
  const list = (...lines: (string | Buffer)[]): string => {
    const path = join(folder, 'list');
    writeFileSync(path, Buffer.concat(lines.map((line) => Buffer.from(line))));
    return path;
  };
  const lines = paths.flatMap((path) => [path, '\r\n']);
  const verbatim = list('\uFEFF', ...lines, '\n', folder, ' \r');
  assert.deepEqual(await listedPaths({ filesFromVerbatim: [verbatim] }, none), [...paths, Buffer.from(`${folder} `)]);
  const patterns = list('\uFEFF#\n', ...lines);
  assert.deepEqual(await listedPaths({ filesFrom: [patterns] }, none), paths);
  const wild = list(' ', inside(Buffer.from('f\xff*', 'latin1')), '\t\n', folder, '/voil?\r');
  assert.deepEqual(await listedPaths({ filesFrom: [wild] }, none), [...paths.slice(0, 2), ...paths.slice(3)]);
  const missed: string[] = [];
  assert.deepEqual(await listedPaths({ filesFrom: [list(folder, '/é*')] }, (message) => missed.push(message)), []);
  assert.match(missed.join(), /\/é\*"/);
});
