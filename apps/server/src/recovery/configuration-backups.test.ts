import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type KitKeys, kitKeys, kitProof, newKitSecret } from '@holdfast/protocol/recovery-kit';
import { configurationAbandonedMs, configurationRetryMs } from '../limits.ts';
import { templateVariable, testDatabaseUrl } from '../testing/test-database.ts';
import { statementOn } from '../testing/test-postgres.ts';
import { TestServer } from '../testing/test-server.ts';
import { readConfiguration, writeConfiguration } from './configuration-file.ts';
import { restoreConfiguration } from './restore-configuration.ts';

let kit: KitKeys;

before(async () => {
  kit = await kitKeys(newKitSecret());
});

const seal = ({ publicKey, authKey }: KitKeys) => ({ body: { publicKey, authKey } });
const folderOf = (dataDir: string) => join(dataDir, 'server', 'configuration-backups');

test('a kit is in force once, confirmed by its words alone, and replaced for good', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const { client } = server;
  assert.equal((await client.call('status', {})).recoveryKit, 'none');
  await assert.rejects(client.call('backUpConfiguration', {}), { code: 'kit.none' });
  await assert.rejects(client.call('confirmRecoveryKit', { body: { proof: kitProof(kit) } }), { code: 'kit.none' });
  const made = await client.call('replaceRecoveryKit', seal(kit));
  assert.equal(made.kit?.id, kit.id);
  assert.equal((await client.call('status', {})).recoveryKit, 'unconfirmed');
  const other = await kitKeys(newKitSecret());
  await assert.rejects(client.call('confirmRecoveryKit', { body: { proof: kitProof(other) } }), { code: 'kit.other' });
  await client.call('confirmRecoveryKit', { body: { proof: kitProof(kit) } });
  assert.equal((await client.call('status', {})).recoveryKit, 'confirmed');
  const again = await client.call('replaceRecoveryKit', seal(kit));
  assert.deepEqual([again.kit?.confirmedAt !== undefined, again.former], [true, []]);
  const replaced = await client.call('replaceRecoveryKit', seal(other));
  assert.deepEqual(
    [replaced.kit?.id, replaced.kit?.confirmedAt, replaced.former.map(({ id }) => id)],
    [other.id, undefined, [kit.id]],
  );
  await assert.rejects(client.call('replaceRecoveryKit', seal(kit)), { code: 'request.conflict' });
  assert.ok(!(await server.databaseContent()).includes(other.authKey));
});

test('the server comes back from its backup and the kit: the same CA, accounts and audit, on an empty computer', async (t) => {
  const [folder, empty] = [temporaryFolder(t), temporaryFolder(t)];
  let facts: { installation: string; caFingerprint: string; token: string; audit: number };
  {
    await using server = await TestServer.start(folder);
    await server.client.call('replaceRecoveryKit', seal(kit));
    await server.person('ann', 'auditor');
    await server.join('agent');
    const made = await server.client.call('backUpConfiguration', {});
    assert.deepEqual([made.error, made.kitId, made.places.length], [undefined, kit.id, 1]);
    const { installation, caFingerprint } = await server.client.call('status', {});
    const { records } = await server.client.call('audit', { query: { limit: 1000 } });
    facts = { installation, caFingerprint, token: server.token, audit: records.length };
  }
  const [name = ''] = readdirSync(folderOf(folder)).sort().reverse();
  const file = join(folderOf(folder), name);
  for (const secret of [facts.token, 'ann', 'PRIVATE KEY']) assert.ok(!readFileSync(file, 'latin1').includes(secret));

  const dataDir = join(empty, 'server');
  const database = await testDatabaseUrl(empty);
  const config = database === undefined ? {} : { database };
  await assert.rejects(restoreConfiguration({ from: file, dataDir, config, kit: await kitKeys(newKitSecret()) }), {
    code: 'kit.other',
  });
  const restored = await restoreConfiguration({ from: folderOf(folder), dataDir, config, kit });
  assert.equal(restored.installation, facts.installation);
  // Into a file as well, whatever database it came from.
  const elsewhere = await restoreConfiguration({ from: file, dataDir: join(empty, 'elsewhere'), kit });
  assert.equal(elsewhere.rows, restored.rows);
  await assert.rejects(restoreConfiguration({ from: file, dataDir, config, kit }), { code: 'request.conflict' });

  await using server = await TestServer.start(empty);
  const status = await server.client.call('status', {});
  assert.deepEqual([status.installation, status.caFingerprint], [facts.installation, facts.caFingerprint]);
  assert.equal(server.token, facts.token);
  assert.ok(await server.signIn('ann'));
  assert.equal((await server.client.call('computers', { query: {} })).computers.length, 1);
  // The chain goes on where it was, with the number that follows.
  const { records } = await server.client.call('audit', { query: { limit: 1000, order: 'oldest' } });
  assert.ok(records.length >= facts.audit);
  assert.deepEqual(
    records.map(({ number }) => number),
    records.map((_, at) => at + 1),
  );
  await server.client.call('confirmRecoveryKit', { body: { proof: kitProof(kit) } });
});

test('there is one as soon as there is a kit, one a night, and as many as are to be kept', async (t) => {
  const folder = temporaryFolder(t);
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(folder, {
    clock,
    config: { configurationBackup: { copies: 2, schedule: { kind: 'daily', at: '02:30' } } },
  });
  await server.client.call('replaceRecoveryKit', seal(kit));
  const made = async () => (await server.client.call('configurationBackups', { query: {} })).backups;
  const names = new Set<string>();
  for (let days = 0; names.size < 3; days += 1) {
    assert.ok(days < 8, `after ${days} days there are ${[...names].join(', ')}`);
    for (let looks = 0; looks < 100; looks += 1) {
      const before = names.size;
      for (const { name, endedAt } of await made()) if (name !== undefined && endedAt !== undefined) names.add(name);
      if (names.size > before) break;
      await delay(10);
    }
    assert.ok(names.size <= days + 1, 'more than one of a day');
    clock.advance(86_400_000);
  }
  const kept = (await made()).map(({ name }) => name).filter((name) => name !== undefined);
  const files = readdirSync(folderOf(folder)).sort().reverse();
  assert.equal(files.length, 2);
  assert.ok(kept.length <= 2 && kept.every((name) => files.includes(name)), `${kept.join()} ${files.join()}`);
});

test('a backup that failed, or was under way when its instance crashed, is made within the night', async (t) => {
  const folder = temporaryFolder(t);
  const [backups, foreign] = [join(folder, 'backups'), '20990101T000000000Z-0123456789abcdef'];
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(folder, {
    clock,
    config: { configurationBackup: { copies: 2, folder: backups, schedule: { kind: 'manual' } } },
  });
  writeFileSync(backups, 'no folder');
  await server.client.call('replaceRecoveryKit', seal(kit));
  const last = async () => {
    const { backups: made } = await server.client.call('configurationBackups', { query: {} });
    assert.ok(made.length <= 1, 'one row for one night');
    return made[0];
  };
  /** Lets time pass until it is so; a look takes moments, however busy the computer is. */
  const passes = async (stepMs: number, isSo: (made: Awaited<ReturnType<typeof last>>) => boolean): Promise<number> => {
    for (let steps = 0; steps < 20; steps += 1) {
      for (let looks = 0; looks < 40; looks += 1) {
        if (isSo(await last())) return steps;
        await delay(10);
      }
      clock.advance(stepMs);
    }
    assert.fail('in vain');
  };
  await passes(60_000, (made) => made?.error !== undefined);
  rmSync(backups);
  const steps = await passes(configurationRetryMs / 2, (made) => made?.name !== undefined);
  assert.ok(steps >= 1, 'not at once again');
  const made = await last();
  assert.deepEqual([made?.error, made?.places.length], [undefined, 1]);

  await server.alterDatabase(`update "configurationBackups" set "endedAt" = null, "name" = null`);
  // What a crash or a clock that was wrong left in the folder.
  for (const name of [`20200101T000000000Z-${kit.id}.holdfast-configuration.part`, `${foreign}.holdfast-configuration`])
    writeFileSync(join(backups, name), '');
  await passes(configurationAbandonedMs / 2, (again) => again?.name !== undefined && again.name !== made?.name);
  const again = await last();
  assert.deepEqual(readdirSync(backups).sort(), [again?.name, `${foreign}.holdfast-configuration`]);
});

// Only where there is a PostgreSQL.
if (process.env[templateVariable] !== undefined)
  test('a server with its catalogue in a file comes back with it in PostgreSQL', async (t) => {
    const [folder, empty] = [temporaryFolder(t), temporaryFolder(t)];
    let before: { installation: string; audit: unknown[]; computers: string[] };
    {
      await using server = await TestServer.start(folder, { database: 'file' });
      const { client } = server;
      await client.call('replaceRecoveryKit', seal(kit));
      await server.person('ann', 'auditor');
      await server.join('agent');
      const { id } = (await server.join('agent')).answer;
      // SQLite takes it, PostgreSQL does not.
      await server.alterDatabase(`update "computers" set "hostname" = 'a' || char(0) || 'b' where "id" = '${id}'`);
      const made = await client.call('backUpConfiguration', {});
      assert.equal(made.error, undefined);
      const { installation } = await client.call('status', {});
      const { records } = await client.call('audit', { query: { limit: 1000, order: 'oldest' } });
      const found = (await client.call('computers', { query: {} })).computers;
      before = { installation, audit: records, computers: found.map((one) => one.id).sort() };
    }
    const database = (await testDatabaseUrl(empty)) ?? assert.fail();
    // A server was started on it for a moment.
    await statementOn(database, `insert into "sharedFacts" values ('installation', 'another')`);
    await restoreConfiguration({ from: folderOf(folder), dataDir: join(empty, 'server'), config: { database }, kit });

    await using server = await TestServer.start(empty);
    assert.ok(server.usesPostgres);
    assert.equal((await server.client.call('status', {})).installation, before.installation);
    assert.ok(await server.signIn('ann'));
    const { computers } = await server.client.call('computers', { query: {} });
    assert.deepEqual(computers.map(({ id }) => id).sort(), before.computers);
    assert.deepEqual(computers.map(({ hostname }) => hostname).sort(), ['a\uFFFDb', 'test-host']);
    // The chain is the same, and goes on: the numbers of the database follow.
    await server.person('ben', 'auditor');
    const { records } = await server.client.call('audit', { query: { limit: 1000, order: 'oldest' } });
    assert.ok(records.length > before.audit.length);
    assert.deepEqual(records.slice(0, before.audit.length - 1), before.audit.slice(0, -1));
    assert.deepEqual(
      records.map(({ number }) => number),
      records.map((_, at) => at + 1),
    );
  });

test('a file that is not whole, or of a newer form, is refused', async () => {
  const head = { schema: 's', config: {}, files: {} };
  const written = (lines: Parameters<typeof writeConfiguration>[0]['lines']) =>
    buffer(writeConfiguration({ installation: crypto.randomUUID(), createdAt: new Date(), head, lines, kit }));
  async function* rows() {
    yield { table: 'groups', columns: ['a'] };
    yield { row: ['b'] };
  }
  const good = await written(rows());
  assert.equal((await collect(good)).length, 2);
  await assert.rejects(collect(good.subarray(0, -1)), { code: 'configuration.damaged' });
  const newer = Buffer.from(good.toString('latin1').replace('"version":1', '"version":2'), 'latin1');
  await assert.rejects(collect(newer), { code: 'configuration.damaged' });
});

async function collect(bytes: Uint8Array): Promise<unknown[]> {
  const { open } = await readConfiguration(Readable.from([bytes]));
  const { lines } = await open(kit);
  const all: unknown[] = [];
  for await (const line of lines) all.push(line);
  return all;
}
