import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { kitKeys, kitProof, newKitSecret } from '@holdfast/protocol/recovery-kit';
import { pino } from 'pino';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';
import { type Finding, HealthWatch, type Probe, type Probes } from './health.ts';
import { healthLimitMs, healthMemoryMs } from './limits.ts';

const well: Finding = { state: 'ok', reason: 'well' };

test('since when a part is as it is, the worst of them, and what fails or does not answer', async () => {
  const clock = new ManualClock();
  let disk: Probe = () => well;
  let database: Probe = () => well;
  const names = ['vault', 'listeners', 'certificates', 'movers', 'executor', 'schedule', 'queue'] as const;
  const probes = Object.fromEntries(
    [...names, 'notifications', 'clock', 'recovery-kit'].map((name) => [name, () => well]),
  );
  const watch = new HealthWatch({
    probes: { ...probes, disk: () => disk(), database: () => database() } as Probes,
    clock,
    logger: pino({ level: 'silent' }),
  });
  const of = async (component: string) => {
    const { state, components } = await watch.now();
    return { state, ...components.filter((one) => one.component === component).map((one) => ({ part: one }))[0] };
  };
  const begun = clock.now().toISOString();
  assert.equal((await watch.now()).state, 'ok');
  clock.advance(healthMemoryMs);
  disk = () => ({ state: 'warning', reason: 'little room' });
  const later = clock.now().toISOString();
  assert.deepEqual(await of('disk'), {
    state: 'warning',
    part: { component: 'disk', state: 'warning', reason: 'little room', since: later },
  });
  assert.equal((await of('vault')).part?.since, begun);
  // Whoever asks soon again is told what is known.
  disk = () => assert.fail('asked too often');
  assert.equal((await of('disk')).state, 'warning');
  clock.advance(healthMemoryMs);
  disk = () => ({ state: 'warning', reason: 'less room' });
  database = async () => {
    throw new HoldfastError('database.unavailable', { message: 'It is away.' });
  };
  assert.deepEqual((await of('disk')).part, { component: 'disk', state: 'warning', reason: 'less room', since: later });
  assert.deepEqual([(await of('database')).state, (await of('database')).part?.reason], ['failed', 'It is away.']);
  clock.advance(healthMemoryMs);
  database = () => new Promise<Finding>(() => undefined);
  const asked = of('database');
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(healthLimitMs);
  assert.match((await asked).part?.reason ?? '', /no answer within 5 s/);
});

test('the parts of a server', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const { components } = await server.client.call('health', {});
  assert.equal(components.length, 12);
  const bad = components.filter(({ component, state }) => state === 'failed' && component !== 'disk');
  assert.deepEqual(bad, []);
  const vault = components.find(({ component }) => component === 'vault');
  assert.equal(vault?.reason, 'The vault seals and opens.');

  const saysOfKit = async (state: string, text: RegExp) =>
    (await server.client.call('health', {})).components.some(
      (one) => one.component === 'recovery-kit' && one.state === state && text.test(one.reason),
    );
  assert.ok(await saysOfKit('warning', /no recovery kit yet/));
  const kit = await kitKeys(newKitSecret());
  const { publicKey, authKey } = kit;
  await server.client.call('replaceRecoveryKit', { body: { publicKey, authKey } });
  await until(() => saysOfKit('warning', /recovery-kit verify/), 'the kit is not confirmed');
  await server.client.call('confirmRecoveryKit', { body: { proof: kitProof(kit) } });
  // Another tenant, which has no kit.
  const { id } = (await server.join('agent')).answer;
  const before = server.usesPostgres ? 'set session_replication_role = replica;' : 'pragma foreign_keys = off;';
  await server.alterDatabase(`${before} update "computers" set "tenant" = 'theirs' where "id" = '${id}'`);

  const port = await freePort();
  const mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  t.after(() => mover[Symbol.asyncDispose]());
  const saysOfMovers = async (text: string) =>
    (await server.client.call('health', {})).components.some(
      ({ component, reason }) => component === 'movers' && reason.startsWith(text),
    );
  await until(() => saysOfMovers('1 of 1 movers are offline'), 'the mover is away');
  await mover.listen();
  await until(() => saysOfMovers('All 1 movers are online.'), 'the mover is there');
  assert.ok(await saysOfKit('ok', /on paper/));
});
