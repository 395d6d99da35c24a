import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import { parseLocation } from './location.ts';

test('paths and addresses of REST repositories', () => {
  assert.deepEqual(parseLocation('/mnt/repo'), { kind: 'folder', path: '/mnt/repo' });
  assert.deepEqual(parseLocation('local:/mnt/repo'), { kind: 'folder', path: '/mnt/repo' });
  assert.equal(parseLocation('my:repo').kind, 'folder');
  assert.deepEqual(parseLocation('rest:https://grant:s%2Fcr%40t@mover.example:6162/local/laptops'), {
    kind: 'rest',
    host: 'mover.example',
    port: 6162,
    basePath: '/local/laptops/',
    username: 'grant',
    password: 's/cr@t',
    shown: 'rest:https://mover.example:6162/local/laptops/',
  });
  const v6 = parseLocation('rest:https://[::1]/');
  assert.equal(v6.kind === 'rest' && `${v6.host} ${v6.port} ${v6.basePath}`, '::1 443 /');
});

test('what is not supported is refused by name, and no password is repeated', () => {
  for (const text of [
    '',
    's3:bucket',
    'sftp:host:/x',
    'https://h/',
    'rest:http://u:verysecret@h/',
    'rest:verysecret',
    'rest:https://u:verysecret%zz@h/',
    'rest:https://u:verysecret@h/?a',
  ]) {
    assert.throws(
      () => parseLocation(text),
      (error) =>
        hasCode(error, 'usage.option') &&
        error instanceof HoldfastError &&
        !JSON.stringify([error.message, error.guidance, error.context]).includes('verysecret'),
      text,
    );
  }
});
