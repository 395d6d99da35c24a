import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multiports } from './multiport.ts';

const single = (port: number): { from: number; to: number } => ({ from: port, to: port });

test('a group has at most fifteen ports, where a range counts twice', () => {
  const singles = Array.from({ length: 16 }, (_, index) => single(2 * index + 1));
  assert.deepEqual(multiports(singles), ['1,3,5,7,9,11,13,15,17,19,21,23,25,27,29', '31']);
  assert.deepEqual(multiports([...singles.slice(0, 13), { from: 100, to: 200 }, single(300)]), [
    '1,3,5,7,9,11,13,15,17,19,21,23,25,100:200',
    '300',
  ]);
  assert.deepEqual(multiports([...singles.slice(0, 14), { from: 100, to: 200 }, single(300)]), [
    '1,3,5,7,9,11,13,15,17,19,21,23,25,27',
    '100:200,300',
  ]);
});
