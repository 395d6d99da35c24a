import assert from 'node:assert/strict';
import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { type FixtureOptions, type MoverFixture, startFixture } from './testing/mover-fixture.ts';
import { object, type RestCall, restCalls } from './testing/rest-calls.ts';

/** Each rule that the mover enforces without any repository key, through the real listener. */

interface Callers {
  readonly append: RestCall;
  readonly read: RestCall;
  readonly maintain: RestCall;
  /** Another computer's grant to append. */
  readonly other: RestCall;
}

async function callers(
  t: { after(end: () => void | Promise<void>): void },
  options: FixtureOptions = {},
): Promise<Callers & { fixture: MoverFixture }> {
  const fixture = await startFixture(t, options);
  await fixture.place('repo');
  const stranger = await fixture.installation.issue({ role: 'agent' });
  const own = fixture.client(fixture.agent);
  const maintainer = { subject: 'administrator/maintenance' };
  return {
    fixture,
    append: restCalls(own, await fixture.grant({ mode: 'append' })),
    read: restCalls(own, await fixture.grant({ mode: 'read' })),
    maintain: restCalls(own, await fixture.grant({ mode: 'maintain', ...maintainer })),
    other: restCalls(
      fixture.client(stranger),
      await fixture.grant({ subject: `agent/${stranger.id}`, fingerprint: stranger.fingerprint }),
    ),
  };
}

const put = (call: RestCall, folder: string, one = object(), headers: Record<string, string> = {}) =>
  call('POST', `${folder}/${one.id}`, { body: one.body, headers });

test('nothing is overwritten; identical content again is fine', async (t) => {
  const { append, read } = await callers(t);
  const one = object();
  assert.equal((await put(append, 'data', one)).headers['holdfast-result'], 'created');
  const again = await put(append, 'data', one);
  assert.deepEqual([again.status, again.headers['holdfast-result']], [200, 'identical']);
  assert.equal((await append('POST', 'config', { body: 'first' })).status, 200);
  assert.equal((await append('POST', 'config', { body: 'first' })).status, 200);
  const other = await append('POST', 'config', { body: 'second' });
  assert.deepEqual([other.status, other.code], [403, 'storage.exists']);
  assert.equal((await read('GET', 'config')).body.toString(), 'first');
});

test('a body that is not what its name says is refused and leaves nothing', async (t) => {
  const { append, fixture } = await callers(t);
  const [one, other] = [object(300_000), object(300_000)];
  const answer = await append('POST', `data/${one.id}`, { body: other.body });
  assert.deepEqual([answer.status, answer.code], [500, 'storage.tampered']);
  assert.equal((await append('HEAD', `data/${one.id}`)).status, 404);
  assert.deepEqual(readdirSync(join(fixture.storageRoot, 'local/repo/holdfast/tmp')), []);
});

test('a grant to append deletes nothing, adds keys only before the config, and changes neither afterwards', async (t) => {
  const { append, maintain } = await callers(t);
  const [pack, key] = [object(), object()];
  for (const folder of ['data', 'index', 'snapshots']) {
    assert.equal((await put(append, folder, pack)).status, 200);
    assert.equal((await append('DELETE', `${folder}/${pack.id}`)).code, 'grant.mode');
    assert.equal((await append('DELETE', `${folder}/${object().id}`)).status, 403);
  }
  assert.equal((await put(append, 'keys', key)).status, 200);
  for (let more = 0; more < 3; more += 1) await put(append, 'keys');
  assert.equal((await put(append, 'keys')).code, 'grant.mode', 'no flood of keys before the config');
  assert.equal((await append('POST', 'config', { body: 'config' })).status, 200);
  assert.equal((await put(append, 'keys')).code, 'grant.mode');
  assert.equal((await put(append, 'keys', key)).status, 200, 'what is there already may come again');
  assert.equal((await append('DELETE', `keys/${key.id}`)).status, 403);
  assert.equal((await append('DELETE', 'config')).status, 403);
  assert.equal((await maintain('DELETE', 'config')).status, 403);
  assert.equal((await put(maintain, 'keys')).status, 200);
  for (const folder of ['data', 'index', 'snapshots', 'keys'])
    assert.equal((await maintain('DELETE', `${folder}/${folder === 'keys' ? key.id : pack.id}`)).status, 200);
});

test('the last key of an initialised repository stays', async (t) => {
  const { append, maintain } = await callers(t);
  const key = object();
  await put(append, 'keys', key);
  await append('POST', 'config', { body: 'config' });
  assert.equal((await maintain('DELETE', `keys/${key.id}`)).code, 'grant.mode');
  await put(maintain, 'keys');
  assert.equal((await maintain('DELETE', `keys/${key.id}`)).status, 200);
});

test('a grant to read writes and deletes nothing but its own locks', async (t) => {
  const { append, read } = await callers(t);
  for (const folder of ['data', 'index', 'snapshots', 'keys'])
    assert.deepEqual([(await put(read, folder)).status, (await put(read, folder)).code], [403, 'grant.mode']);
  assert.equal((await read('POST', 'config', { body: 'x' })).status, 403);
  assert.equal((await read('POST', '?create=true')).status, 403);
  const lock = object();
  assert.equal((await put(read, 'locks', lock)).status, 200);
  assert.equal((await read('DELETE', `locks/${lock.id}`)).status, 200);
  const pack = object();
  await put(append, 'data', pack);
  assert.deepEqual((await read('GET', `data/${pack.id}`)).body, pack.body);
  assert.equal((await read('DELETE', `data/${pack.id}`)).status, 403);
});

test('a lock belongs to its maker until it is stale, also after a restart of the mover', async (t) => {
  const clock = new ManualClock(new Date());
  const { append, other, maintain, fixture } = await callers(t, { clock });
  const [first, second, third] = [object(), object(), object()];
  for (const lock of [first, second, third]) await put(append, 'locks', lock);
  assert.equal((await other('DELETE', `locks/${first.id}`)).code, 'grant.mode');
  assert.equal((await append('DELETE', `locks/${first.id}`)).status, 200);
  assert.equal((await maintain('DELETE', `locks/${second.id}`)).status, 200);
  clock.advance(29 * 60_000);
  await fixture.restart();
  assert.equal((await other('DELETE', `locks/${third.id}`)).code, 'grant.mode');
  clock.advance(60_000);
  assert.equal((await other('DELETE', `locks/${third.id}`)).status, 200);
});

test('while a grant to maintain holds an exclusive lock nobody else writes, also after a restart', async (t) => {
  const clock = new ManualClock(new Date());
  const { append, other, maintain, fixture } = await callers(t, { clock });
  const exclusive = { 'holdfast-lock': 'exclusive' };
  assert.equal((await put(append, 'locks', object(), exclusive)).code, 'grant.mode');
  const lock = object();
  assert.equal((await put(maintain, 'locks', lock, exclusive)).status, 200);
  for (const call of [append, other])
    for (const folder of ['data', 'index', 'snapshots']) {
      const answer = await put(call, folder);
      assert.deepEqual([answer.status, answer.code], [503, 'repository.locked']);
    }
  assert.equal((await put(maintain, 'data')).status, 200);
  assert.equal((await put(append, 'locks')).status, 200, 'locks are always possible');
  await fixture.restart();
  assert.equal((await put(append, 'data')).code, 'repository.locked');
  assert.equal((await maintain('DELETE', `locks/${lock.id}`)).status, 200);
  assert.equal((await put(append, 'data')).status, 200);
  await put(maintain, 'locks', object(), exclusive);
  clock.advance(31 * 60_000);
  assert.equal((await put(append, 'data')).status, 200, 'a stale lock holds nobody up');
});

test('locks whose record is lost hold writers up and belong to nobody', async (t) => {
  const clock = new ManualClock(new Date());
  const { append, maintain, fixture } = await callers(t, { clock });
  const lock = object();
  await put(append, 'locks', lock);
  await fixture.restart(() => {
    for (const name of readdirSync(fixture.dataDir)) if (name.startsWith('ledger')) rmSync(join(fixture.dataDir, name));
  });
  assert.equal((await put(append, 'data')).code, 'repository.locked');
  assert.equal((await append('DELETE', `locks/${lock.id}`)).code, 'grant.mode');
  assert.equal((await maintain('DELETE', `locks/${lock.id}`)).status, 200);
  assert.equal((await put(append, 'data')).status, 200);
});

test('it knows who uploaded what', async (t) => {
  const { append, read, fixture } = await callers(t);
  const index = object();
  await put(append, 'index', index);
  await fixture.restart();
  const answer = await read('HEAD', `index/${index.id}`);
  assert.equal(answer.headers['holdfast-uploaded-by'], `agent/${fixture.agent.id}`);
});

test('sizes are limited by type, announced or not', async (t) => {
  const { append } = await callers(t);
  for (const [folder, limit] of [
    ['locks', 65_536],
    ['keys', 65_536],
    ['snapshots', 1_048_576],
  ] as const) {
    assert.equal((await put(append, folder, object(limit))).status, 200, folder);
    const answer = await put(append, folder, object(limit + 1));
    assert.deepEqual([answer.status, answer.code], [403, 'storage.size'], folder);
  }
});

test('the quota of a repository holds, for many uploads at once too', async (t) => {
  const { append, maintain } = await callers(t, { quotaBytes: 1_000_000 });
  const packs = Array.from({ length: 8 }, () => object(200_000));
  const answers = await Promise.all(packs.map((pack) => put(append, 'data', pack)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 5);
  assert.ok(answers.every(({ status, code }) => status === 200 || (status === 507 && code === 'storage.full')));
  const stored = packs.filter((_, index) => answers[index]?.status === 200);
  assert.equal((await put(append, 'data', stored[0])).status, 200, 'what is there already needs no room');
  await maintain('DELETE', `data/${stored[0]?.id}`);
  assert.equal((await put(append, 'data', object(200_000))).status, 200);
});

test('nothing is deleted before its date, and dates only grow', async (t) => {
  const { append, maintain, read } = await callers(t);
  const pack = object();
  const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
  await put(append, 'data', pack, { 'holdfast-retain-until': day(1) });
  assert.equal((await maintain('DELETE', `data/${pack.id}`)).code, 'storage.immutable');
  const change = (call: RestCall, mode: string, until: string) =>
    call('PUT', `data/${pack.id}?retention`, { body: JSON.stringify({ mode, until }) });
  assert.equal((await change(append, 'extend', day(3))).status, 200);
  assert.equal((await change(maintain, 'set', day(2))).code, 'storage.immutable');
  assert.equal((await change(read, 'extend', day(9))).code, 'grant.mode');
  assert.equal((await change(append, 'extend', day(5000))).status, 403, 'nobody fills the storage for ever');
});

test('names that are no objects are nothing, and links inside a repository are not followed', async (t) => {
  const { append, maintain, fixture } = await callers(t);
  const { id, body } = object();
  const odd = [
    `data/../config`,
    `data/..%2fconfig`,
    `data/${id.toUpperCase()}`,
    `data/${id.slice(1)}`,
    `data/${id}0`,
    `holdfast/tmp/x`,
    `tmp/${id}`,
    `config/`,
    `locks/../../other/config`,
    `data/${id}/`,
    `//config`,
    `data/%00${id.slice(3)}`,
  ];
  for (const path of odd)
    for (const method of ['GET', 'POST', 'DELETE'] as const) {
      const answer = await maintain(method, path, method === 'POST' ? { body } : {});
      assert.ok([403, 404].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  for (const path of ['/local/../repo/config', '/../../etc/passwd', '/local/repo', '/holdfast/repo/config', '/local'])
    assert.ok([401, 403, 404].includes((await append('GET', path)).status), path);
  rmSync(join(fixture.storageRoot, 'local/repo/snapshots'), { recursive: true });
  symlinkSync('/etc', join(fixture.storageRoot, 'local/repo/snapshots'));
  await fixture.restart();
  assert.notEqual((await put(append, 'snapshots')).status, 200);
});

test('ranges, lists of both versions and pages are as the protocol says', async (t) => {
  const { append } = await callers(t);
  const pack = object(10_000);
  await put(append, 'data', pack);
  const range = (value: string) => append('GET', `data/${pack.id}`, { headers: { range: value } });
  const part = await range('bytes=10-19');
  assert.deepEqual([part.status, part.headers['content-range']], [206, 'bytes 10-19/10000']);
  assert.deepEqual(part.body, pack.body.subarray(10, 20));
  assert.deepEqual((await range('bytes=9990-')).body, pack.body.subarray(9990));
  assert.deepEqual((await range('bytes=-5')).body, pack.body.subarray(9995));
  assert.equal((await range('bytes=10000-')).status, 416);
  assert.equal((await range('bytes=5-2')).status, 200);
  const more = Array.from({ length: 4 }, () => object(50));
  for (const one of more) await put(append, 'data', one);
  const ids = [pack, ...more].map(({ id }) => id).sort();
  const v2 = { accept: 'application/vnd.x.restic.rest.v2' };
  const whole = await append('GET', 'data/', { headers: v2 });
  assert.deepEqual(
    (JSON.parse(whole.body.toString()) as { name: string; size: number }[]).map(({ name }) => name),
    ids,
  );
  assert.deepEqual(JSON.parse((await append('GET', 'data/')).body.toString()), ids);
  const page = await append('GET', `data/?after=${ids[0]}&limit=3`, { headers: v2 });
  assert.equal(page.headers['holdfast-more'], '1');
  assert.deepEqual(
    (JSON.parse(page.body.toString()) as { name: string }[]).map(({ name }) => name),
    ids.slice(1, 4),
  );
  assert.equal((await append('GET', `data/?after=${ids[2]}&limit=3`)).headers['holdfast-more'], '0');
  assert.equal((await append('GET', 'keys/')).body.toString(), '[]');
});
