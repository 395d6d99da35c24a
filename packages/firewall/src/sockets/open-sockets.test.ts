import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
// socket exception: the test opens sockets of its own to find them again.
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openSockets } from './open-sockets.ts';
import { parseSocketTable } from './socket-table.ts';

const linux = { skip: skipUnless({ platform: 'linux' }) };

test('the tables of the kernel: addresses of both families, mapped ones, states', linux, () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1812 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0B00020A:09C4 1500030A:C350 01 00000000:00000000 02:000A7214 00000000     0        0 4712 2 0000000000000000 20 4 30 10 -1
   2: B80D0120000002000000000011000000:1812 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4713 1 0
   3: 0000000000000000FFFF00000B00020A:1812 0000000000000000FFFF00001500030A:C351 06 00000000:00000000 00:00000000 00000000  0  0 0 1 0
   nonsense
`;
  const shown = parseSocketTable(text, 'tcp').map(
    ({ local, remote, state, userId, inode }) =>
      `${local.address} ${local.port} ${remote.address} ${remote.port} ${state} ${userId} ${inode}`,
  );
  assert.deepEqual(shown, [
    '127.0.0.1 6162 0.0.0.0 0 listening 1000 4711',
    '10.2.0.11 2500 10.3.0.21 50000 connected 0 4712',
    '2001:db8:2::11 6162 :: 0 listening 0 4713',
    '10.2.0.11 6162 10.3.0.21 50001 other 0 0',
  ]);
  assert.equal(parseSocketTable(text, 'udp')[1]?.state, 'connected');
});

test('sockets of this process are found, with its name and command', linux, async (t) => {
  // socket exception: see above.
  const server = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  // socket exception: see above.
  const near = connect(address.port, '127.0.0.1');
  t.after(() => near.destroy());
  // Until it is accepted the other end belongs to nobody.
  await Promise.all([once(near, 'connect'), once(server, 'connection')]);
  const { sockets } = await openSockets(({ local, remote }) => [local.port, remote.port].includes(address.port));
  const mine = sockets.filter(({ processes }) => processes.some(({ pid }) => pid === process.pid));
  assert.deepEqual(mine.map(({ state }) => state).toSorted(), ['connected', 'connected', 'listening']);
  const [holder] = mine[0]?.processes ?? [];
  assert.equal(holder?.name, readFileSync('/proc/self/comm', 'utf8').trim());
  assert.match(holder?.command.at(-1) ?? '', /open-sockets\.test\.ts$/);
});
