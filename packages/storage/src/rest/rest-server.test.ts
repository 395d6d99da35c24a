import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { type Clock, systemClock } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { type Connection, httpClient } from '@holdfast/wire';
import { contentOf, MiB, nameOf, pagesOf, rejects } from '../conformance/content.ts';
import { basicCredentials } from '../credentials.ts';
import { runConformance } from '../testing.ts';
import { type RestServer, restServerProgram, startRestServer } from './testing/rest-server.ts';

const skip = skipUnless({ programs: [restServerProgram] });

describe(`the REST target and restic's own server`, { skip }, () => {
  const folder = temporaryFolder({ after });
  let server: RestServer;
  let repositories = 0;
  const freshPath = (): string => `/repository-${++repositories}/`;

  before(async () => {
    server = await startRestServer(join(folder, 'open'));
  });
  after(() => server[Symbol.asyncDispose]());

  runConformance('the REST target', async () => ({
    target: await server.open({ basePath: freshPath(), create: true }),
  }));

  test('it declares what such a server can not do', async () => {
    await using target = await server.open({ basePath: freshPath(), create: true });
    assert.equal(target.capabilities.createIfAbsent, false);
    assert.equal(target.capabilities.retention, false);
    assert.equal(target.capabilities.consistentLists, false);
    assert.equal(target.retention, undefined);
  });

  test('an upload that is cut in the middle is sent again', async () => {
    const path = freshPath();
    const body = contentOf('cut', 8 * MiB);
    const client = httpClient({ connect: spoiledOnce(server.connect, { cutAfterSentBytes: 3 * MiB }), connections: 1 });
    await using target = await server.open({ basePath: path, create: true, client, clock: impatientClock });
    assert.equal(await target.create(nameOf('data', body), [body]), 'created');
    assert.ok(body.equals(await target.read(nameOf('data', body))));
    assert.ok(target.transferred().requests >= 4);
  });

  test('an upload whose answer is lost succeeds when it is sent again', async () => {
    const path = freshPath();
    const body = contentOf('lost', 2 * MiB);
    await using setup = await server.open({ basePath: path, create: true });
    const client = httpClient({ connect: spoiledOnce(server.connect, { loseAnswerTo: 'POST' }), connections: 1 });
    await using target = await server.open({ basePath: path, client, clock: impatientClock });
    assert.equal(await target.create(nameOf('data', body), [body]), 'identical', 'the first attempt did store it');
    assert.ok(body.equals(await setup.read(nameOf('data', body))));
  });

  test('a read that is cut in the middle is read again', async () => {
    const path = freshPath();
    const body = contentOf('read', 4 * MiB);
    await using setup = await server.open({ basePath: path, create: true });
    await setup.create(nameOf('data', body), [body]);
    const client = httpClient({ connect: spoiledOnce(server.connect, { cutAfterReceivedBytes: MiB }), connections: 1 });
    await using target = await server.open({ basePath: path, client, clock: impatientClock });
    assert.ok(body.equals(await target.read(nameOf('data', body))));
  });

  test('an object that was cut short on the disk is an error, never fewer bytes', async () => {
    const path = freshPath();
    const body = contentOf('short', 10_000);
    const name = nameOf('data', body);
    await using target = await server.open({ basePath: path, create: true });
    await target.create(name, [body]);
    truncateSync(join(server.folder, path, 'data', name.id.slice(0, 2), name.id), 5000);
    const before = target.transferred().requests;
    await rejects(target.read(name, { offset: 4000, length: 2000 }), 'storage.range');
    await rejects(target.read(name, { offset: 6000, length: 2000 }), 'storage.range');
    assert.equal(target.transferred().requests, before + 2, 'what is wrong is not asked for twice');
    await rejects(target.create(name, [body]), 'storage.exists');
  });

  test('files with other names are left out of lists', async () => {
    const path = freshPath();
    await using target = await server.open({ basePath: path, create: true });
    writeFileSync(join(server.folder, path, 'index', 'not-an-id'), 'x');
    assert.deepEqual(await pagesOf(target, 'index'), []);
  });

  test('what is no path of a repository is refused', async () => {
    for (const basePath of ['/a/../b/', '/a b/', '/a?b/', '/a#/', '/ä/'])
      await rejects(server.open({ basePath }), 'usage.configuration');
  });

  test('a server that is gone is reported after the attempts, and the work goes on when it is back', async (t) => {
    await using own = await startRestServer(join(folder, 'restarted'));
    await using target = await own.open({ basePath: '/r/', create: true, clock: impatientClock });
    const body = contentOf('restart', 1000);
    await target.create(nameOf('data', body), [body]);
    await own.stop();
    const error = await rejects(target.read(nameOf('data', body)), 'channel.refused');
    t.diagnostic(error.message);
    assert.match(error.message, /client-to-mover/);
    await own.start();
    assert.ok(body.equals(await target.read(nameOf('data', body))));
  });

  test('credentials are sent, and wrong ones are refused at once', async () => {
    const passwords = join(folder, 'htpasswd');
    const digest = createHash('sha1').update('right').digest('base64');
    writeFileSync(passwords, `anna:{SHA}${digest}\n`);
    await using own = await startRestServer(join(folder, 'private'), ['--htpasswd-file', passwords, '--private-repos']);
    const open = (user: string, password: string, basePath = '/anna/r/') =>
      own.open({ basePath, create: true, credentials: basicCredentials({ user, password }), clock: noPatience });
    await rejects(own.open({ basePath: '/anna/r/', clock: noPatience }), 'auth.required');
    await rejects(open('anna', 'wrong'), 'auth.required');
    await rejects(open('anna', 'right', '/berta/r/'), 'storage.permission', 'auth.required');
    await using target = await open('anna', 'right');
    const body = contentOf('private', 100);
    assert.equal(await target.create(nameOf('key', body), [body]), 'created');
  });

  test('a full server is storage.full, and nothing is left of the object', async () => {
    await using own = await startRestServer(join(folder, 'full'), ['--no-auth', '--max-size', String(MiB)]);
    await using target = await own.open({ basePath: '/r/', create: true, clock: noPatience });
    const body = contentOf('too much', 2 * MiB);
    await rejects(target.create(nameOf('data', body), [body]), 'storage.full');
    assert.equal(await target.stat(nameOf('data', body)), undefined);
    const small = contentOf('small', 1000);
    assert.equal(await target.create(nameOf('data', small), [small]), 'created');
  });

  test('an append-only server refuses to delete, which is no lack of the object', async () => {
    await using own = await startRestServer(join(folder, 'append'), ['--no-auth', '--append-only']);
    await using target = await own.open({ basePath: '/r/', create: true, clock: noPatience });
    const body = contentOf('kept', 1000);
    await target.create(nameOf('data', body), [body]);
    await rejects(target.delete(nameOf('data', body)), 'storage.permission');
    assert.equal(readdirSync(join(own.folder, 'r', 'data')).length, 256);
    assert.ok(await target.stat(nameOf('data', body)));
  });
});

/** Repeats at once. */
const impatientClock: Clock = { ...systemClock, sleep: async () => undefined };
/** Where nothing may be repeated. */
const noPatience: Clock = {
  ...systemClock,
  sleep: () => Promise.reject(new Error('a failure that does not pass was tried again')),
};

interface Spoiling {
  readonly cutAfterSentBytes?: number;
  readonly cutAfterReceivedBytes?: number;
  /** Cuts when the answer to a request with this method arrives. */
  readonly loseAnswerTo?: string;
}

/** Connections of which the first that meets the condition breaks there; all others are left alone. */
function spoiledOnce(
  connect: (signal: AbortSignal) => Promise<Connection>,
  spoiling: Spoiling,
): (signal: AbortSignal) => Promise<Connection> {
  let spoiled = false;
  return async (signal) => {
    const connection = await connect(signal);
    const { stream } = connection;
    let sentBytes = 0;
    let receivedBytes = 0;
    let lost = false;
    const breakHere = (condition: boolean): boolean => {
      if (spoiled || !condition) return false;
      spoiled = true;
      stream.destroy();
      between.destroy(new Error('cut by the test'));
      return true;
    };
    const between = new Duplex({
      read: () => stream.resume(),
      write: (chunk: Buffer, _encoding, done) => {
        sentBytes += chunk.length;
        if (spoiling.loseAnswerTo && chunk.toString('latin1', 0, 8).startsWith(spoiling.loseAnswerTo)) lost = true;
        if (!breakHere(sentBytes > (spoiling.cutAfterSentBytes ?? Number.POSITIVE_INFINITY))) stream.write(chunk, done);
      },
      final: (done) => stream.end(done),
      destroy: (error, done) => {
        stream.destroy();
        done(error);
      },
    });
    stream.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
      if (breakHere(lost || receivedBytes > (spoiling.cutAfterReceivedBytes ?? Number.POSITIVE_INFINITY))) return;
      if (!between.push(chunk)) stream.pause();
    });
    stream.on('end', () => between.push(null));
    stream.on('close', () => between.destroy());
    return { ...connection, stream: between };
  };
}
