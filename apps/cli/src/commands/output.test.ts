import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { makeSampleFolder } from '../testing/sample-folder.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile } = standAloneFixture();

test('a backup whose output nobody reads is finished and says how it ended; what only prints ends with its reader', async () => {
  const repository = await freshRepository('repository');
  const source = makeSampleFolder(join(folder, 'source'));
  const unread = (...args: string[]) =>
    runCli([...args, '--repo', repository, '--password-file', passwordFile], { withoutReader: true });
  const done = await unread('backup', source, '--json', '--json-progress');
  assert.deepEqual([done.status, done.stderr], [0, '']);
  // A result beyond what is buffered, for which the command waits.
  const missing = Array.from({ length: 90 }, (_, at) =>
    join(folder, `${at}`, ...Array<string>(10).fill('x'.repeat(200))),
  );
  assert.equal((await unread('backup', source, ...missing, '--json')).status, 3);
  const snapshots = await holdfast('snapshots', repository, '--json');
  assert.equal(jsonResult<unknown[]>(snapshots.stdout).length, 2);
  for (const args of [
    ['ls', 'latest'],
    ['dump', 'latest', '/'],
    ['cat', 'tree', 'latest'],
  ]) {
    const ended = await unread(...args);
    assert.deepEqual([ended.status, ended.stderr], [0, ''], args.join(' '));
  }
  assert.deepEqual(readdirSync(join(repository, 'locks')), []);
});
