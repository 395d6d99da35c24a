import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestAgent } from '../testing/test-agent.ts';
import { TestServer, until } from '../testing/test-server.ts';
import { nextRescan } from './groups.ts';

async function start(t: TestContext, o: { clock?: ManualClock; csvFolder?: string } = {}): Promise<TestServer> {
  const { csvFolder, clock } = o;
  const server = await TestServer.start(temporaryFolder(t), {
    ...(clock ? { clock } : {}),
    config: csvFolder === undefined ? {} : { csvFolder },
  });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

const settings = { exclusions: [], rescanAt: '21:00', enabled: true, csvFile: null };

test('groups are made, changed, disabled and deleted; computers join only those that are there', async (t) => {
  const server = await start(t);
  const { client } = server;
  assert.deepEqual(
    (await client.list('groups', {})).map(({ name }) => name),
    ['default'],
  );
  await assert.rejects(client.call('createToken', { body: { role: 'agent', group: 'web' } }), {
    code: 'request.missing',
  });
  const made = await client.call('createGroup', { body: { name: 'web' } });
  assert.deepEqual([made.type, made.rescanAt, made.enabled], ['individual', '21:00', true]);
  await assert.rejects(client.call('createGroup', { body: { name: 'web' } }), { code: 'request.conflict' });
  for (const type of ['directory', 'cloud'] as const)
    await assert.rejects(client.call('createGroup', { body: { name: 'later', type } }), {
      code: 'request.conflict',
      message: new RegExp(`${type} are not there yet`),
    });
  await assert.rejects(client.call('createGroup', { body: { name: 'x', exclusions: ['10.0.0.0/40'] } }), {
    code: 'request.invalid',
  });

  const token = await server.joinToken('agent', { group: 'web', uses: 2 });
  const { answer } = await server.enrol({ token, role: 'agent' });
  await client.call('changeGroup', { params: { id: 'web' }, body: { ...settings, enabled: false } });
  await assert.rejects(server.enrol({ token, role: 'agent' }), { code: 'request.conflict', message: /disabled/ });
  await assert.rejects(client.call('createToken', { body: { role: 'agent', group: 'web' } }), {
    code: 'request.conflict',
  });
  await assert.rejects(client.call('rescanGroup', { params: { id: 'web' } }), { code: 'request.conflict' });
  await client.call('changeGroup', { params: { id: 'web' }, body: settings });
  // The refused one has not used the token up.
  await server.enrol({ token, role: 'agent' });

  await assert.rejects(client.call('deleteGroup', { params: { id: 'default' } }), { code: 'request.conflict' });
  await assert.rejects(client.call('deleteGroup', { params: { id: 'web' } }), { code: 'request.conflict' });
  await assert.rejects(client.call('deleteGroup', { params: { id: 'web' }, query: { moveTo: 'nowhere' } }), {
    code: 'request.missing',
  });
  const { id } = await client.call('createUser', {
    body: { name: 'ann', role: 'auditor', password: 'first of ann: 12345 Xy', groups: ['web'] },
  });
  const move = () => client.call('deleteGroup', { params: { id: 'web' }, query: { moveTo: 'default' } });
  await assert.rejects(move(), { code: 'request.conflict', message: /ann/ });
  await client.call('updateUser', { params: { id }, body: { groups: ['other'] } });
  const unused = await server.joinToken('agent', { group: 'web' });
  assert.deepEqual(await move(), { movedComputers: 2 });
  assert.equal((await client.call('computer', { params: { id: answer.id } })).group, 'default');
  await assert.rejects(server.enrol({ token: unused, role: 'agent' }), { code: 'auth.token' });
  await assert.rejects(client.call('group', { params: { id: 'web' } }), { code: 'request.missing' });
});

test('who is confined to a group sees and changes no other', async (t) => {
  const server = await start(t);
  for (const name of ['a', 'b']) {
    await server.haveGroup(name);
    await server.client.call('expectComputers', {
      params: { id: name },
      body: { computers: [{ name: `host-${name}` }] },
    });
  }
  const { client } = await server.person('carl', 'administrator', { groups: ['a'] });
  assert.deepEqual(
    (await client.list('groups', {})).map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(
    (await client.list('expectedComputers', {})).map(({ name }) => name),
    ['host-a'],
  );
  await assert.rejects(client.call('createGroup', { body: { name: 'c' } }), { code: 'auth.forbidden' });
  await assert.rejects(client.call('deleteGroup', { params: { id: 'a' } }), { code: 'auth.forbidden' });
  for (const call of [
    () => client.call('group', { params: { id: 'b' } }),
    () => client.call('changeGroup', { params: { id: 'b' }, body: settings }),
    () => client.call('rescanGroup', { params: { id: 'b' } }),
    () => client.call('exportGroup', { params: { id: 'b' }, body: {} }),
    () => client.call('uploadCsv', { params: { id: 'b' }, body: { content: '' } }),
    () => client.call('expectComputers', { params: { id: 'b' }, body: { computers: [{ name: 'x' }] } }),
    () => client.call('forgetExpected', { params: { id: 'b' }, body: { names: ['host-b'] } }),
  ])
    await assert.rejects(call, { code: 'request.missing' });
  const { answer } = await server.join('agent', { group: 'a' });
  await assert.rejects(client.call('moveComputer', { params: { id: answer.id }, body: { group: 'b' } }), {
    code: 'request.missing',
  });
  const other = await server.join('agent', { group: 'b' });
  await assert.rejects(client.call('rescanComputer', { params: { id: other.answer.id } }), { code: 'request.missing' });
});

test('an individual group expects what it was told, and finds out who has joined', async (t) => {
  const server = await start(t);
  const { client } = server;
  await client.call('createGroup', { body: { name: 'web', exclusions: ['test-*'] } });
  const expect = (...names: string[]) =>
    client.call('expectComputers', { params: { id: 'web' }, body: { computers: names.map((name) => ({ name })) } });
  await assert.rejects(expect('web1', 'TEST-1'), { code: 'request.conflict', message: /TEST-1/ });
  await expect('TEST-HOST'.replace('TEST-', 'web-'), 'db1');
  await client.call('changeGroup', { params: { id: 'web' }, body: settings });
  await expect('Test-Host');
  const states = async () =>
    Object.fromEntries((await client.list('expectedComputers', {})).map((one) => [one.name, one.state]));
  assert.deepEqual(await states(), { db1: 'unmanaged', 'test-host': 'unmanaged', 'web-host': 'unmanaged' });
  // Test computers call themselves test-host.
  const { answer } = await server.join('agent', { group: 'web' });
  assert.deepEqual(await states(), { db1: 'unmanaged', 'test-host': 'enrolled', 'web-host': 'unmanaged' });
  const listed = async (state: 'enrolled' | 'unmanaged') =>
    (await client.list('expectedComputers', { query: { group: 'web', state, limit: 1 } })).map(({ name }) => name);
  assert.deepEqual([await listed('enrolled'), await listed('unmanaged')], [['test-host'], ['db1', 'web-host']]);
  const result = await client.call('rescanGroup', { params: { id: 'web' } });
  assert.deepEqual(
    [result.expected, result.enrolled, result.unmanaged, result.computers, result.online],
    [3, 1, 2, 1, 0],
  );
  assert.deepEqual((await client.call('group', { params: { id: 'web' } })).lastRescan, result);
  await client.call('revokeComputer', { params: { id: answer.id } });
  assert.deepEqual(await listed('enrolled'), []);
  await assert.rejects(client.call('forgetExpected', { params: { id: 'web' }, body: { names: ['db1', 'db2'] } }), {
    code: 'request.missing',
  });
  await client.call('forgetExpected', { params: { id: 'web' }, body: { names: ['DB1'] } });
  assert.deepEqual(await listed('unmanaged'), ['test-host', 'web-host']);
});

test('a CSV group follows its file at each rescan, by schedule too, and keeps what it knew when the file is wrong', async (t) => {
  const folder = temporaryFolder(t);
  const csvFolder = join(folder, 'lists');
  mkdirSync(csvFolder);
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock, csvFolder });
  const { client } = server;
  await assert.rejects(client.call('createGroup', { body: { name: 'x', csvFile: 'a.csv' } }), {
    code: 'request.conflict',
  });
  const group = await client.call('createGroup', {
    body: { name: 'shop', type: 'csv', csvFile: 'shop.csv', exclusions: ['10.9.0.0/16'] },
  });
  const write = (content: string) => writeFileSync(join(csvFolder, 'shop.csv'), content);
  const rescan = () => client.call('rescanGroup', { params: { id: 'shop' } });
  const states = async () =>
    Object.fromEntries((await client.list('expectedComputers', {})).map((one) => [one.name, one.state]));

  assert.match((await rescan()).error ?? '', /shop\.csv.*ENOENT/);
  write('name,address,comment\nTill-1,10.1.0.1,"left, below"\ntill-2\ntill-9,10.9.0.1\n');
  const first = await rescan();
  assert.deepEqual([first.error, first.expected, first.excluded], [undefined, 2, 1]);
  assert.deepEqual(await states(), { 'till-1': 'unmanaged', 'till-2': 'unmanaged' });
  await assert.rejects(client.call('uploadCsv', { params: { id: 'shop' }, body: { content: 'a' } }), {
    code: 'request.conflict',
  });
  const forget = () => client.call('forgetExpected', { params: { id: 'shop' }, body: { names: ['till-1'] } });
  await assert.rejects(forget(), { code: 'request.conflict' });

  write('till-2\nno good\n');
  assert.match((await rescan()).error ?? '', /line 2/);
  assert.deepEqual(await states(), { 'till-1': 'unmanaged', 'till-2': 'unmanaged' });

  // By its schedule: some minutes after it is due at the latest.
  write('till-2\ntill-3\n');
  assert.ok(group.nextRescanAt);
  assert.deepEqual(new Date(group.nextRescanAt), nextRescan('21:00', clock.now()));
  clock.advance(Date.parse(group.nextRescanAt) - clock.now().getTime());
  await until(async () => 'till-3' in (await states()), 'the rescan by schedule');
  assert.deepEqual(await states(), { 'till-1': 'no-longer-listed', 'till-2': 'unmanaged', 'till-3': 'unmanaged' });
  const after = await client.call('group', { params: { id: 'shop' } });
  assert.ok((after.nextRescanAt ?? '') > group.nextRescanAt);
  await forget();

  // Nothing outside of the folder.
  writeFileSync(join(folder, 'secret.csv'), 'secret-host\n');
  symlinkSync(join(folder, 'secret.csv'), join(csvFolder, 'link.csv'));
  for (const csvFile of ['../secret.csv', 'link.csv', join(folder, 'secret.csv'), '.', '..']) {
    await client.call('changeGroup', { params: { id: 'shop' }, body: { ...settings, csvFile } });
    const { error, expected } = await rescan();
    assert.match(error ?? '', /is not in the server's csvFolder|could not be read/, csvFile);
    assert.equal(expected, 2);
  }
  rmSync(csvFolder, { recursive: true });
  assert.match((await rescan()).error ?? '', /could not be read/);
});

test('an uploaded list is taken as a whole, or refused with its lines', async (t) => {
  const { client } = await start(t);
  await client.call('createGroup', { body: { name: 'shop', type: 'csv' } });
  const upload = (content: string) => client.call('uploadCsv', { params: { id: 'shop' }, body: { content } });
  assert.deepEqual(await upload('a\nb\n'), { listed: 2, excluded: 0, noLongerListed: 0 });
  await assert.rejects(upload('a\nb c\n'), { code: 'request.invalid', message: /line 2/ });
  assert.deepEqual(await upload('b\nc\n'), { listed: 2, excluded: 0, noLongerListed: 1 });
  assert.deepEqual(await upload('a\nb\nc\n'), { listed: 3, excluded: 0, noLongerListed: 0 });
  const many = Array.from({ length: 2500 }, (_, n) => `host-${n}`).join('\n');
  assert.deepEqual(await upload(many), { listed: 2500, excluded: 0, noLongerListed: 3 });
});

test('computers by state: the built-in groups', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const { client } = server;
  const agent = new TestAgent(await server.join('agent'));
  t.after(() => agent[Symbol.asyncDispose]());
  await agent.hold(server);
  await until(() => agent.greeted === 1, 'the first message');
  await client.call('createGroup', { body: { name: 'kiosks', type: 'preinstalled' } });
  const kiosk = await server.join('agent', { group: 'kiosks' });
  const revoked = await server.join('agent');
  await client.call('revokeComputer', { params: { id: revoked.answer.id } });
  await server.alterDatabase(
    `update "computers" set "productVersion" = '0.0.1', "hostname" = 'kiosk_1' where "id" = '${kiosk.answer.id}'`,
  );
  const found = async (query: { state?: 'online'; text?: string; group?: string } | { state: string }) =>
    (await client.list('computers', { query: query as { state?: 'online' } })).map(({ id }) => id).toSorted();
  const ids = (...of: string[]) => of.toSorted();
  const [one, two, three] = [agent.id, kiosk.answer.id, revoked.answer.id];
  await until(async () => (await found({ state: 'online' })).length === 1, 'the agent that is there');
  assert.deepEqual(await found({ state: 'online' }), [one]);
  assert.deepEqual(await found({ state: 'offline' }), [two]);
  assert.deepEqual(await found({ state: 'out-of-date' }), [two]);
  assert.deepEqual(await found({ state: 'untrusted' }), [three]);
  assert.deepEqual(await found({ state: 'manually-added' }), ids(one, three));
  assert.deepEqual(await found({ state: 'unprotected' }), ids(one, two));
  assert.deepEqual(await found({ group: 'kiosks' }), [two]);
  assert.deepEqual(await found({ text: 'OSK_' }), [two]);
  assert.deepEqual(await found({ text: '%' }), []);
  assert.deepEqual((await client.call('computer', { params: { id: two } })).conditions, ['out-of-date', 'unprotected']);

  // A rescan asks anew; what calls in by itself is not asked, and says so.
  await client.call('rescanComputer', { params: { id: one } });
  assert.equal(agent.greeted, 2);
  assert.equal((await client.call('rescanGroup', { params: { id: 'default' } })).online, 1);
  assert.equal(agent.greeted, 3);
  assert.equal(agent.received.length, 0);
  await assert.rejects(client.call('rescanComputer', { params: { id: two } }), {
    code: 'request.conflict',
    message: /kiosk_1.*can not be rescanned/,
  });
  await assert.rejects(client.call('rescanGroup', { params: { id: 'kiosks' } }), { code: 'request.conflict' });
  await assert.rejects(client.call('createGroup', { body: { name: 'k2', type: 'preinstalled', rescanAt: '21:00' } }), {
    code: 'request.conflict',
  });

  // Its certificate expires.
  clock.advance(91 * 86_400_000);
  assert.deepEqual(await found({ state: 'untrusted' }), ids(one, two, three));
});

test('an exported configuration lets a computer join, as often as it says', async (t) => {
  const server = await start(t);
  const { client } = server;
  await client.call('createGroup', { body: { name: 'kiosks', type: 'preinstalled' } });
  await assert.rejects(client.call('exportGroup', { params: { id: 'default' }, body: {} }), {
    code: 'request.conflict',
  });
  const made = await client.call('exportGroup', { params: { id: 'kiosks' }, body: { servers: ['backup.example'] } });
  assert.deepEqual(made.servers, [
    {
      host: 'backup.example',
      enrolmentPort: server.running.portOf('enrolment'),
      windowsEnrolmentPort: server.running.portOf('windows-enrolment'),
    },
  ]);
  assert.equal(made.caFingerprint, server.running.caFingerprint);
  const { answer } = await server.enrol({ token: made.token, role: 'agent' });
  const computer = await client.call('computer', { params: { id: answer.id } });
  assert.deepEqual([computer.group, computer.preinstalled], ['kiosks', true]);
  await assert.rejects(server.enrol({ token: made.token, role: 'agent' }), { code: 'auth.token' });
  // The audit tells of the token without holding it.
  const [record] = (await client.list('audit', {})).filter(({ action }) => action === 'exportGroup');
  assert.equal(record?.subject, 'kiosks');
  assert.ok(!JSON.stringify(await client.list('audit', {})).includes(made.token));
});
