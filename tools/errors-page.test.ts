import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorEntry, errorTable, exitStatus } from '@holdfast/core';
import { errorsPage } from './errors-page.ts';

test('every code and every exit status is on the page, under a title in words', () => {
  const page = errorsPage();
  for (const code of Object.keys(errorTable)) assert.equal(page.split(`| \`${code}\` |`).length, 2, code);
  for (const status of Object.values(exitStatus)) assert.match(page, new RegExp(`^\\| ${status} \\| `, 'm'));
  for (const [, title] of page.matchAll(/^## (.*)$/gm)) assert.match(title ?? '', /^[A-Z]/);
});

test('a bar in a text does not break the table', () => {
  const entry: ErrorEntry = { summary: 'a | b', guidance: 'c', retry: 'transient', exit: 1, http: 500 };
  assert.match(errorsPage({ 'run.bar': entry }), /^\| `run\.bar` \| a \\\| b \| c \| may help later \| 1 \| 500 \|$/m);
});
