import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

test('a download that its client does not take ends with the task that reads it, and gives its place back', async (t) => {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const server = stack.use(await TestServer.start(temporaryFolder(t)));
  const port = await freePort();
  const enrolled = await server.join('mover', { ports: { 'server-to-mover': port } });
  const mover = stack.use(new TestMover(enrolled, { port }));
  const executor = stack.use(new TestAgent(enrolled));
  mover.executor = executor;
  executor.listening = { 'server-to-mover': port };
  await mover.listen();
  const { id } = await server.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const snapshotId = 'ab'.repeat(32);
  await server.alterDatabase(`update "repositories" set "initialisedAt" = '2026-11-21T10:00:00.000Z'`);
  await server.alterDatabase(
    `insert into "snapshots" ("tenant", "id", "repositoryId", "agentId", "hostname", "sourcesJson", "tagsJson", "takenAt",
      "totalFiles", "totalBytes", "storedBytes") values ('local', '${snapshotId}', '${id}', 'a', 'h', '[]', '[]',
      '2026-11-21T10:00:00.000Z', 1, 1, 1)`,
  );
  // The line that comes first, and more than all buffers on the way take.
  executor.output = Buffer.concat([Buffer.from('{"kind":"archive","name":"a"}\n'), randomBytes(512 * 1024)]);
  executor.hasMoreOutput = true;
  executor.work = async () => {
    for (let before = -1; before < executor.outputsRead; ) {
      before = executor.outputsRead;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new HoldfastError('run.timeout', { message: 'Nobody has taken what the task gives.' });
  };
  const { body } = await server.client.bytes('downloadContents', {
    params: { id, snapshotId },
    query: { path: '/', archive: 'tar' },
  });
  const isFailed = async () => {
    const { records } = await server.client.call('audit', { query: { action: 'downloadContents' } });
    return records.some(({ outcome }) => outcome === 'failed');
  };
  await until(isFailed, 'the end of the download');
  await assert.rejects(Array.fromAsync(body), { code: 'channel.closed' });
});
