import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile, restic, tryRestic } = standAloneFixture();
const second = join(folder, 'second');
writeFileSync(second, 'second password\n');

interface ListedKey {
  readonly current: boolean;
  readonly id: string;
  readonly userName: string;
  readonly hostName: string;
  readonly created: string;
}

async function keysOf(repository: string): Promise<ListedKey[]> {
  const { status, stdout, stderr } = await holdfast('key list', repository, '--json');
  assert.equal(status, 0, stderr);
  return jsonResult<ListedKey[]>(stdout);
}

test('list, add, remove and passwd, side by side with restic', {
  skip: skipUnless({ programs: ['restic'] }),
}, async () => {
  const repository = await freshRepository('keys');
  const [own] = await keysOf(repository);
  const added = await holdfast(
    'key add',
    repository,
    '--new-password-file',
    second,
    '--user',
    'ann',
    '--host',
    'web1',
    '--json',
  );
  assert.equal(added.status, 0, added.stderr);
  const { id } = jsonResult<{ id: string }>(added.stdout);
  const ours = await keysOf(repository);
  const theirs = JSON.parse(await restic(repository, 'key', 'list', '--json')) as ListedKey[];
  const byId = (keys: readonly ListedKey[]) => keys.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  assert.deepEqual(byId(ours), byId(theirs), 'the same fields with the same values as restic');
  assert.deepEqual(
    ours.find((key) => key.id === id),
    { current: false, id, userName: 'ann', hostName: 'web1', created: ours.find((key) => key.id === id)?.created },
  );
  assert.match(
    (await holdfast('key list', repository)).stdout,
    new RegExp(`\\*${own?.id.slice(0, 8)} [\\s\\S]*2 keys`),
  );
  // The new password opens for both.
  assert.equal((await runCli(['snapshots', '-r', repository, '-p', second])).status, 0);
  assert.equal((await tryRestic(repository, ['check'], { RESTIC_PASSWORD: 'second password' })).status, 0);

  const refused = await holdfast('key remove', repository, own?.id.slice(0, 10) ?? '');
  assert.equal(refused.status, 2, refused.stderr);
  assert.match(refused.stderr, /opened the repository/);
  const removed = await holdfast('key remove', repository, id.slice(0, 10));
  assert.equal(removed.status, 0, removed.stderr);
  assert.equal((await runCli(['snapshots', '-r', repository, '-p', second])).status, 12);

  const changed = await holdfast('key passwd', repository, '--new-password-file', second, '--json');
  assert.equal(changed.status, 0, changed.stderr);
  assert.equal(jsonResult<{ removedId: string }>(changed.stdout).removedId, own?.id);
  assert.equal((await holdfast('snapshots', repository)).status, 12, 'the old password no longer opens');
  assert.equal(
    (await tryRestic(repository, ['check', '--read-data'], { RESTIC_PASSWORD: 'second password' })).status,
    0,
  );
  assert.equal(readdirSync(join(repository, 'keys')).length, 1);
  assert.deepEqual(readdirSync(join(repository, 'locks')), []);
});

test('an empty password only when asked for, and only then it opens', async () => {
  const repository = await freshRepository('no-password');
  const empty = join(folder, 'empty');
  writeFileSync(empty, '\n');
  assert.equal((await holdfast('key add', repository, '--new-password-file', empty)).status, 2);
  assert.equal((await holdfast('key add', repository)).status, 2, 'no terminal, no new password');
  const both = ['--new-insecure-no-password', '--new-password-file', second];
  assert.equal((await holdfast('key add', repository, ...both)).status, 2);
  assert.equal((await holdfast('key add', repository, '--new-insecure-no-password')).status, 0);
  assert.equal((await runCli(['key', 'list', '-r', repository, '--insecure-no-password'])).status, 0);
  const contradiction = ['key', 'list', '-r', repository, '--insecure-no-password', '-p', passwordFile];
  assert.equal((await runCli(contradiction)).status, 2);
  const listed = await runCli(['key', 'list', '-r', repository, '--insecure-no-password', '--json']);
  const { id = '' } = jsonResult<ListedKey[]>(listed.stdout).find((key) => key.current) ?? {};
  // With a hint the password is tried on that key first; a hint that names nothing does no harm.
  for (const hint of [id, 'ffff'])
    assert.equal((await holdfast('key list', repository, '--key-hint', hint)).status, 0, hint);
});
