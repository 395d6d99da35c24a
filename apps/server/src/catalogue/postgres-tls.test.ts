import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@holdfast/core';
import { freePort, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation } from '@holdfast/wire/testing';
import { pino } from 'pino';
import { openPostgresCatalogue } from '../testing/test-database.ts';
import { TestPostgres } from '../testing/test-postgres.ts';

test('a PostgreSQL on the network is believed for its certificate alone: of the right CA, and for the name that was asked for', {
  skip: skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] }),
}, async (t) => {
  const ours = await createTestInstallation();
  const theirs = await createTestInstallation();
  const folder = temporaryFolder(t);
  const fileOf = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const [caFile, otherCaFile] = [fileOf('ca.pem', ours.caPem), fileOf('other-ca.pem', theirs.caPem)];
  const port = await freePort();
  const cluster = await TestPostgres.start(t);
  const restart = async (hostName: string | undefined): Promise<void> => {
    await cluster.stop('fast');
    cluster.listenOn(port, hostName === undefined ? undefined : await ours.issue({ role: 'server', hostName }));
    await cluster.startAgain();
  };
  const url = (host: string, ca?: string): string =>
    `postgres://holdfast@${host}:${port}/postgres?sslmode=verify-full${ca === undefined ? '' : `&sslrootcert=${encodeURIComponent(ca)}`}`;
  const refused = (text: string, message: RegExp) =>
    assert.rejects(openPostgresCatalogue(text), { code: 'database.identity', message });

  await restart('localhost');
  {
    await using catalogue = await openPostgresCatalogue(url('localhost', caFile));
    assert.deepEqual(await catalogue.tenants(), []);
    const encrypted = await cluster.statement(
      "select count(*) > 0 from pg_stat_ssl join pg_stat_activity using (pid) where ssl and application_name = 'holdfast-server'",
    );
    assert.deepEqual(encrypted, ['t']);

    // The connection that listens is another one, which says so when it can't be had.
    const notHeard: string[] = [];
    const gap = Promise.withResolvers<void>();
    const over = new AbortController();
    const logger = pino({ level: 'info' }, { write: (line: string) => void notHeard.push(line) });
    const watching = catalogue.notices
      ?.watch({ signal: over.signal, onNotice: () => undefined, onGap: () => gap.resolve(), logger })
      .catch(() => 'ended');
    await gap.promise;
    await cluster.stop('fast');
    while (notHeard.length === 0) await systemClock.sleep(20);
    assert.match(notHeard[0] ?? '', /notices of other instances are not heard/);
    await cluster.startAgain();
    while (notHeard.length === 1) await systemClock.sleep(20);
    assert.match(notHeard[1] ?? '', /heard again/);
    over.abort();
    assert.equal(await watching, 'ended');
  }
  await refused(url('localhost', otherCaFile), /certificate/);
  await refused(url('localhost'), /certificate/);
  await refused(url('127.0.0.1', caFile), /IP: 127.0.0.1/);

  await restart('db.example');
  await refused(url('localhost', caFile), /db\.example/);

  // Nobody in between switches it off.
  await restart(undefined);
  await refused(url('localhost', caFile), /does not support SSL/);
});
