import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { choose, chooseSnapshot } from './names.ts';

const things = [
  { id: '11111111-0000-4000-8000-000000000001', name: 'web' },
  { id: '11112222-0000-4000-8000-000000000002', name: 'web2' },
  { id: '33333333-0000-4000-8000-000000000003', name: 'Mail' },
  { id: '44444444-0000-4000-8000-000000000004', name: 'twin' },
  { id: '55555555-0000-4000-8000-000000000005', name: 'twin' },
];
const find = (text: string) =>
  choose({ text, what: 'agent', things, nameOf: ({ name }) => name, command: 'holdfast x' });

test('ids, names and beginnings of ids are taken', () => {
  assert.equal(find('33333333-0000-4000-8000-000000000003').name, 'Mail');
  assert.equal(find('web').name, 'web', 'a whole name wins over a beginning');
  assert.equal(find('mail').name, 'Mail', 'host names have no case');
  assert.equal(find('3333').name, 'Mail');
});

test('what fits several things is refused with all of them, what fits none with what there is', () => {
  assert.throws(
    () => find('twin'),
    (error) => hasCode(error, 'usage.option') && /44444444[\s\S]*55555555/.test(error.message),
  );
  assert.throws(
    () => find('1111'),
    (error) => hasCode(error, 'usage.option') && /web \([\s\S]*web2 \(/.test(error.message),
  );
  assert.throws(
    () => find('nobody'),
    (error) => hasCode(error, 'request.missing') && error.guidance.includes('web2'),
  );
  assert.throws(
    () => find('333'),
    (error) => hasCode(error, 'request.missing'),
    'three digits are too few to be meant',
  );
});

test('snapshots by id, beginning of an id, or latest', () => {
  const snapshot = (id: string) => ({
    id: id.padEnd(64, '0'),
    repositoryId: '',
    agentId: '',
    runId: '',
    hostname: '',
    sources: [],
    tags: [],
    takenAt: '',
    totalFiles: 0,
    totalBytes: 0,
    storedBytes: 0,
  });
  const all = [snapshot('bb'), snapshot('ba'), snapshot('c')];
  assert.equal(chooseSnapshot(all, 'latest'), all[0]);
  assert.equal(chooseSnapshot(all, 'C'), all[2]);
  assert.throws(
    () => chooseSnapshot(all, 'b'),
    (error) => hasCode(error, 'usage.option'),
  );
  assert.throws(
    () => chooseSnapshot(all, 'd'),
    (error) => hasCode(error, 'snapshot.missing'),
  );
  assert.throws(
    () => chooseSnapshot([], 'latest'),
    (error) => hasCode(error, 'snapshot.missing'),
  );
});
