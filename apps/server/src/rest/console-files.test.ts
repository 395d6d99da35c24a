import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { pagesLookMs } from '@holdfast/wire/pages';
import { TestServer } from '../testing/test-server.ts';

const script = 'console.log("of the console");'.repeat(20);
const index = '<!doctype html><meta name="style-nonce" content="__STYLE_NONCE__"><title>Holdfast</title>';

function build(folder: string): void {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), index);
  writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
  writeFileSync(join(folder, 'notes.secret'), 'not of a console');
  writeFileSync(join(folder, 'assets', 'index-Ab12_-Cd.js'), script);
  writeFileSync(join(folder, 'assets', 'index-Ab12_-Cd.js.br'), brotliCompressSync(script));
}

test('the console is served to anybody, with strict headers, beside the API and never in its place', async (t) => {
  const folder = temporaryFolder(t);
  const consoleFolder = join(folder, 'dist');
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(folder, { config: { consoleFolder }, clock });
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await server.http.request({ method: 'GET', path, headers });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return { status: response.status, headers: response.headers, body: Buffer.concat(chunks) };
  };
  const missing = await get('/');
  assert.equal(missing.status, 503);
  assert.match(missing.body.toString(), /npm run build:console/);
  build(consoleFolder);
  clock.advance(pagesLookMs);

  const pages = await Promise.all(
    ['/', '/computers', '/sessions/4711', '/apix', '/index.html'].map((path) => get(path)),
  );
  const nonces = pages.map(({ status, headers, body }) => {
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    const policy = String(headers['content-security-policy']);
    const nonce = /style-src 'self' 'nonce-([\w+/]{24})'/.exec(policy)?.[1] ?? assert.fail(policy);
    assert.equal(body.toString(), index.replace('__STYLE_NONCE__', nonce));
    assert.ok(!policy.includes('unsafe'));
    const parts = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"];
    for (const part of [...parts, "require-trusted-types-for 'script'", 'trusted-types default'])
      assert.ok(policy.split('; ').includes(part), part);
    return nonce;
  });
  assert.equal(new Set(nonces).size, nonces.length);
  const { headers: told } = pages[0] ?? assert.fail();
  assert.deepEqual(
    [told['cross-origin-opener-policy'], told['cross-origin-resource-policy'], told['x-content-type-options']],
    ['same-origin', 'same-origin', 'nosniff'],
  );

  const asset = '/assets/index-Ab12_-Cd.js';
  const plain = await get(asset);
  assert.equal(plain.body.toString(), script);
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  const small = await get(asset, { 'accept-encoding': 'gzip, deflate, br;q=0.9' });
  assert.equal(small.headers['content-encoding'], 'br');
  assert.equal(brotliDecompressSync(small.body).toString(), script);
  assert.notEqual(small.headers['etag'], plain.headers['etag']);
  assert.equal((await get(asset, { 'accept-encoding': 'br;q=0' })).headers['content-encoding'], undefined);
  assert.equal((await get(asset, { 'if-none-match': String(plain.headers['etag']) })).status, 304);
  assert.equal((await get('/favicon.svg')).headers['cache-control'], 'no-cache');

  // Neither the API nor anything outside of the folder, however it is written.
  for (const path of ['/api', '/api/v1/nothing', '/api/v1/computers', '/metrics', '/%61pi/v1/computers'])
    assert.equal((await get(path)).status, 401, path);
  const own = { authorization: `Bearer ${server.token}` };
  assert.equal((await get('/api/v1/nothing', own)).status, 404);
  assert.equal((await get('/oauth/nothing')).status, 401);
  symlinkSync(server.running.tokenFile, join(consoleFolder, 'assets', 'link-Ab12_-Cd.js'));
  utimesSync(join(consoleFolder, 'index.html'), 1, 1);
  clock.advance(pagesLookMs);
  const escapes = ['../server/ca.pem', '..%2fserver%2fca.pem', 'assets/../../server/ca.pem', '%2e%2e/server/ca.pem'];
  const others = ['assets/link-Ab12_-Cd.js', 'notes.secret', 'assets/none.js', '..\\server\\ca.pem', 'a\0b.js'];
  for (const path of [...escapes, ...others, '//etc/passwd.txt', 'assets/index-Ab12_-Cd.js.br']) {
    const answer = await get(`/${path.replaceAll('\0', '%00').replaceAll('\\', '%5c')}`);
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
    assert.ok(!answer.body.includes('BEGIN'), path);
  }

  // A build that is being made anew.
  rmSync(consoleFolder, { recursive: true });
  clock.advance(pagesLookMs);
  assert.equal((await get('/')).status, 503);
});
