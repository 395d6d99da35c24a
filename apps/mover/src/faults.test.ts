import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { parseRange, parseRestPath } from '@holdfast/storage';
import fc from 'fast-check';
import { type MoverFixture, startFixture } from './testing/mover-fixture.ts';
import { object, restCalls } from './testing/rest-calls.ts';

/** What goes wrong: disks that fill up, uploads that stop, programs that speak nonsense, the mover killed. */

type Context = { after(end: () => void | Promise<void>): void };

async function placed(t: Context, storageRoot?: string): Promise<MoverFixture> {
  const fixture = await startFixture(t, storageRoot === undefined ? {} : { storageRoot });
  await fixture.place('repo');
  return fixture;
}

test('a full disk is said, and leaves nothing half-written', {
  skip: skipUnless({ root: true, programs: ['mount'] }),
}, async (t) => {
  const ends: (() => void)[] = [];
  const folder = join(temporaryFolder({ after: (end) => void ends.push(end) }), 'small');
  mkdirSync(folder);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', folder], { encoding: 'utf8' });
  if (mounted.status !== 0) return t.skip(`needs the right to mount a tmpfs: ${mounted.stderr}`);
  ends.unshift(() => void spawnSync('umount', ['-l', folder]));
  t.after(() => {
    for (const end of ends) end();
  });
  const fixture = await placed(t, folder);
  const call = restCalls(fixture.client(fixture.agent), await fixture.grant());
  const [fits, tooLarge] = [object(1_000_000), object(8_000_000)];
  assert.equal((await call('POST', `data/${fits.id}`, { body: fits.body })).status, 200);
  const answer = await call('POST', `data/${tooLarge.id}`, { body: tooLarge.body });
  assert.deepEqual([answer.status, answer.code], [507, 'storage.full']);
  assert.equal((await call('HEAD', `data/${tooLarge.id}`)).status, 404);
  assert.deepEqual(readdirSync(join(folder, 'local/repo/holdfast/tmp')), []);
  assert.deepEqual((await call('GET', `data/${fits.id}`)).body, fits.body);
  const next = object(1_000_000);
  assert.equal((await call('POST', `data/${next.id}`, { body: next.body })).status, 200, 'the room was given back');
});

/** A connection on 6162 whose bytes the test writes itself. */
async function raw(fixture: MoverFixture) {
  const connection = await fixture.wireOf(fixture.agent).dial('agent-to-mover-transport', '127.0.0.1', {
    port: fixture.mover.port,
  });
  let received = '';
  connection.stream.on('data', (piece: Buffer) => {
    received += piece.toString('latin1');
  });
  return { stream: connection.stream, closed: connection.closed, received: () => received };
}

test('an upload that is cut, or falls short of what it announced, leaves nothing', async (t) => {
  const fixture = await placed(t);
  const { id, body } = object(500_000);
  const head = `POST /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await fixture.grant()}\r\n`;
  for (const length of ['content-length: 500000', 'transfer-encoding: chunked']) {
    const { stream, closed } = await raw(fixture);
    stream.write(`${head}${length}\r\n\r\n`);
    if (length.startsWith('transfer')) stream.write('3d090\r\n');
    stream.write(body.subarray(0, 250_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    stream.destroy();
    await closed;
  }
  const call = restCalls(fixture.client(fixture.agent), await fixture.grant());
  assert.equal((await call('HEAD', `data/${id}`)).status, 404);
  const tmp = join(fixture.storageRoot, 'local/repo/holdfast/tmp');
  for (let tries = 0; readdirSync(tmp).length > 0; tries += 1) {
    assert.ok(tries < 2000, 'the parts are removed');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await call('POST', `data/${id}`, { body })).status, 200);
});

test('an upload without a length is taken up to the limit of its type', async (t) => {
  const fixture = await placed(t);
  const { id, body } = object(1000);
  const grant = await fixture.grant();
  const send = async (folder: string, bytes: Buffer): Promise<string> => {
    const { stream, received } = await raw(fixture);
    stream.write(
      `POST /local/repo/${folder}/${id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${grant}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
    );
    stream.write(`${bytes.length.toString(16)}\r\n`);
    stream.write(bytes);
    stream.write('\r\n0\r\n\r\n');
    await once(stream, 'end');
    return received();
  };
  assert.match(await send('snapshots', body), /^HTTP\/1\.1 200 /);
  assert.match(await send('snapshots', Buffer.alloc(1_048_577)), /^HTTP\/1\.1 403 [^]*storage\.size/);
});

test('a client that announces far more than is allowed is refused without being listened to for ever', async (t) => {
  const fixture = await placed(t);
  const { stream, received } = await raw(fixture);
  const grant = await fixture.grant();
  stream.write(
    `POST /local/repo/locks/${object().id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${grant}\r\ncontent-length: 900000000000\r\n\r\n`,
  );
  const piece = Buffer.alloc(1_048_576);
  let sentBytes = 0;
  while (!stream.destroyed && !stream.readableEnded && sentBytes < 400 * piece.length) {
    sentBytes += piece.length;
    if (stream.write(piece)) continue;
    // The end may come as an error.
    const { promise, resolve } = Promise.withResolvers<unknown>();
    for (const event of ['drain', 'close', 'error']) stream.once(event, resolve);
    await promise;
  }
  assert.match(received(), /^HTTP\/1\.1 403 [^]*storage\.size/);
  assert.ok(sentBytes < 300 * piece.length, `${sentBytes} bytes were taken`);
});

test('nonsense on 6162 harms nobody', async (t) => {
  const fixture = await placed(t);
  const grant = await fixture.grant();
  const auth = `authorization: Bearer ${grant}`;
  const { id } = object();
  const requests = [
    'GET / HTTP/1.1\r\n\r\n',
    'GET http://elsewhere/local/repo/config HTTP/1.1\r\nhost: x\r\n\r\n',
    `POST /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\n${auth}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\n${auth}\r\ncontent-length: -1\r\n\r\n`,
    `POST /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\n${auth}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`,
    `GET /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\n${auth}\r\nrange: bytes=${'9'.repeat(400)}-\r\n\r\n`,
    `GET /local/repo/${'a/'.repeat(6000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    `GET /local/repo/config HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'A'.repeat(12_000)}\r\n\r\n`,
    `GET /local/repo/config HTTP/1.1\r\nhost: x\r\nauthorization: Basic =====\r\n\r\n`,
    `GET /holdfast/v1/agents/${'0'.repeat(36)}/tasks HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: holdfast-task\r\n\r\n`,
    `PUT /holdfast/v1/trust HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\u0000\u0001\u0002\r\n\r\n',
    `GET /local/repo/config HTTP/1.1\r\nhost: x\r\n${'x: y\r\n'.repeat(4000)}\r\n`,
  ];
  for (const request of requests) {
    const { stream, received, closed } = await raw(fixture);
    stream.end(request);
    await closed;
    assert.doesNotMatch(received(), /^HTTP\/1\.1 (2|101)/, request.slice(0, 80));
  }
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom('', 'GET /', 'POST /local/repo/data/'),
      async (bytes, start) => {
        const { stream, received, closed } = await raw(fixture);
        stream.write(start);
        stream.end(bytes);
        await closed;
        assert.doesNotMatch(received(), /^HTTP\/1\.1 (2|101)/);
      },
    ),
    { numRuns: 60 },
  );
  assert.equal((await restCalls(fixture.client(fixture.agent), grant)('GET', 'keys/')).status, 200);
});

test('no path but an exact one is a path, and no range leaves the object', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      for (const url of [text, `/${text}`, `/local/repo/${text}`, `/local/repo/data/${text}`]) {
        const path = parseRestPath(url);
        if (!path) continue;
        assert.match(path.key.tenant, /^[a-z0-9][a-z0-9-]*$/);
        assert.match(path.key.repository, /^[a-z0-9][a-z0-9-]*$/);
        if (path.subject.kind === 'object') assert.match(path.subject.name.id, /^([0-9a-f]{64})?$/);
      }
    }),
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.nat(), fc.nat(), fc.nat(1_000_000), (noise, a, b, sizeBytes) => {
      for (const header of [noise, `bytes=${noise}`, `bytes=${a}-${b}`, `bytes=${a}-`, `bytes=-${b}`]) {
        const range = parseRange(header, sizeBytes);
        if (range.kind !== 'part') continue;
        assert.ok(range.offset >= 0 && range.length > 0 && range.offset + range.length <= sizeBytes);
      }
    }),
  );
});

test('downloads to a client that does not read hold little memory and no other client up', async (t) => {
  const fixture = await placed(t);
  const grant = await fixture.grant();
  const call = restCalls(fixture.client(fixture.agent), grant);
  const { id, body } = object(32 * 1_048_576);
  await call('POST', `data/${id}`, { body });
  const slow = [];
  for (let index = 0; index < 8; index += 1) {
    const connection = await fixture.wireOf(fixture.agent).dial('agent-to-mover-transport', '127.0.0.1', {
      port: fixture.mover.port,
    });
    connection.stream.pause();
    connection.stream.write(`GET /local/repo/data/${id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${grant}\r\n\r\n`);
    slow.push(connection.stream);
  }
  assert.equal((await call('GET', `data/${id}`)).body.length, body.length);
  const waiting = fixture.mover.wire.use().find(({ channel }) => channel === 'agent-to-mover-transport');
  // Sixteen MiB of kernel buffers on loopback are possible; the objects are eight times 32.
  assert.ok((waiting?.bytesOut ?? 0) < body.length + 8 * 16 * 1_048_576, `${waiting?.bytesOut} bytes were sent`);
  for (const stream of slow) stream.destroy();
});

test('the mover killed in the middle of uploads leaves nothing that looks whole, and starts again', {
  timeout: 400_000,
}, async (t) => {
  const fixture = await placed(t);
  await fixture.mover[Symbol.asyncDispose]();
  const child = await startProcess(t, fixture);
  const grant = await fixture.grant();
  const packs = Array.from({ length: 12 }, () => object(4_000_000));
  const uploads = packs.map(async ({ id, body }) => {
    const call = restCalls(fixture.client(fixture.agent, { port: child.port }), grant);
    return (await call('POST', `data/${id}`, { body })).status;
  });
  await Promise.race(uploads);
  child.process.kill('SIGKILL');
  const results = await Promise.allSettled(uploads);
  await fixture.restart();
  const call = restCalls(fixture.client(fixture.agent), grant);
  let reported = 0;
  for (const [index, { id, body }] of packs.entries()) {
    const result = results[index];
    const stored = await call('GET', `data/${id}`);
    if (result?.status === 'fulfilled' && result.value === 200) {
      reported += 1;
      assert.deepEqual(stored.body, body, 'what was reported is there');
    } else if (stored.status === 200) {
      assert.deepEqual(stored.body, body, 'what is there is whole');
    }
  }
  assert.ok(reported > 0, 'something was reported before the end');
  for (const { id, body } of packs) assert.equal((await call('POST', `data/${id}`, { body })).status, 200);
  const file = statSync(
    join(fixture.storageRoot, 'local/repo/data', packs[0]?.id.slice(0, 2) ?? '', packs[0]?.id ?? ''),
  );
  assert.equal(file.mode & 0o077, 0);
});

async function startProcess(t: Context, fixture: MoverFixture): Promise<{ process: ChildProcess; port: number }> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.resolve('./testing/mover-process.ts')), fixture.dataDir, fixture.storageRoot],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => void child.kill('SIGKILL'));
  let output = '';
  for await (const piece of child.stdout) {
    output += String(piece);
    const port = /port (\d+)\n/.exec(output)?.[1];
    if (port !== undefined) return { process: child, port: Number(port) };
  }
  throw new Error('the mover did not start');
}
