import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { localAddress } from './local.ts';
import { testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const channel = 'role-to-local-mover';

async function socketPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-wire-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'mover.sock');
}

test('a local socket carries bytes both ways and only its owner may open it', async (t) => {
  const path = await socketPath(t);
  const wire = fleet.wire(t, undefined);
  await using _listener = await wire.listenLocal(channel, path, {
    onConnection: ({ stream }) => stream.on('data', (piece: Buffer) => stream.write(piece)),
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const { stream, peer } = await wire.dialLocal(channel, path);
  assert.equal(peer, undefined);
  stream.write('hello');
  assert.equal(String((await once(stream, 'data'))[0]), 'hello');
  const [use] = wire.use();
  assert.deepEqual([use?.channel, use?.connectionsIn, use?.connectionsOut, use?.ports], [channel, 1, 1, []]);
});

test('the group may be let in', async (t) => {
  const path = await socketPath(t);
  const wire = fleet.wire(t, undefined);
  await wire.listenLocal(channel, path, { onConnection: () => undefined, mode: 0o660 });
  assert.equal((await stat(path)).mode & 0o777, 0o660);
});

test('a socket that a killed process left is replaced; one that answers is not', async (t) => {
  const path = await socketPath(t);
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const wire = fleet.wire(t, undefined);
  await assert.rejects(wire.listenLocal(channel, path, { onConnection: () => undefined }), { code: 'process.running' });
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.ok((await stat(path)).isSocket());
  await assert.rejects(wire.dialLocal(channel, path), { code: 'channel.refused' });
  await wire.listenLocal(channel, path, { onConnection: () => undefined });
  (await wire.dialLocal(channel, path)).stream.destroy();
});

test('a path that the system would cut is refused by name, and a missing one says so', async (t) => {
  const wire = fleet.wire(t, undefined);
  const long = `/tmp/${'x'.repeat(120)}`;
  await assert.rejects(wire.listenLocal(channel, long, { onConnection: () => undefined }), {
    code: 'usage.configuration',
    message: /longer than 103 bytes/,
  });
  await assert.rejects(wire.dialLocal(channel, await socketPath(t)), { code: 'channel.refused' });
});

test('on Windows the path becomes the name of a pipe', () => {
  const pipe = localAddress('C:\\Data\\mover.sock', 'win32');
  assert.match(pipe, /^\\\\\.\\pipe\\holdfast-[0-9a-f]{32}$/);
  assert.equal(localAddress('c:\\data\\MOVER.sock', 'win32'), pipe);
  assert.equal(localAddress(pipe, 'win32'), pipe);
  assert.equal(localAddress('/run/mover.sock', 'linux'), '/run/mover.sock');
});
