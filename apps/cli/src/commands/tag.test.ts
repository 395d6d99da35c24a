import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonLines } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, restic } = standAloneFixture();
const source = join(folder, 'source');
mkdirSync(source);
writeFileSync(join(source, 'file'), 'content');

interface Listed {
  readonly id: string;
  readonly tags?: string[];
  readonly original?: string;
}

test('tags change as with restic, which sees the same', { skip: skipUnless({ programs: ['restic'] }) }, async () => {
  const repository = await freshRepository('tags');
  await restic(repository, 'backup', source, '--host', 'a', '--tag', 'one,two');
  await restic(repository, 'backup', source, '--host', 'b');
  const listed = async (): Promise<Listed[]> => JSON.parse(await restic(repository, 'snapshots', '--json')) as Listed[];
  const [first, second] = await listed();

  const result = await holdfast('tag', repository, '--host', 'a', '--add', 'x,y', '--remove', 'one', '--json');
  assert.equal(result.status, 0, result.stderr);
  const [changed, summary] = jsonLines(result.stdout);
  const [firstNow, secondNow] = await listed();
  assert.deepEqual(changed, { message_type: 'changed', old_snapshot_id: first?.id, new_snapshot_id: firstNow?.id });
  assert.deepEqual(summary, { message_type: 'summary', changed_snapshots: 1 });
  assert.deepEqual(
    { ...firstNow, id: '', short_id: '' },
    {
      ...first,
      id: '',
      short_id: '',
      tags: ['y', 'two', 'x'],
      original: first?.id,
    },
  );
  assert.deepEqual(secondNow, second, 'the other one is as it was');

  // Again nothing to do; then restic goes on from there, and the first id is still known.
  const again = await holdfast('tag', repository, '--host', 'a', '--add', 'x');
  assert.equal(again.status, 0);
  assert.match(again.stdout, /no snapshots were modified/);
  await restic(repository, 'tag', '--set', 'new', firstNow?.id ?? '');
  assert.equal((await listed()).find(({ tags }) => tags?.includes('new'))?.original, first?.id);
  assert.equal((await holdfast('tag', repository, '--set', '')).status, 0);
  assert.deepEqual(
    (await listed()).map(({ tags }) => tags),
    [undefined, undefined],
  );
  assert.equal((await holdfast('tag', repository, 'latest', '--set', 'z')).status, 0);
  assert.deepEqual(
    (await listed()).map(({ tags }) => tags),
    [undefined, ['z']],
  );
  assert.match(await restic(repository, 'check', '--read-data'), /no errors were found/);
  assert.deepEqual(readdirSync(join(repository, 'locks')), []);
});

test('nothing to do, or contradictions, are status 2, an unknown snapshot 1; nothing changes', async () => {
  const repository = await freshRepository('wrong');
  for (const args of [[], ['--set', 'a', '--add', 'b']])
    assert.equal((await holdfast('tag', repository, ...args)).status, 2);
  const missing = await holdfast('tag', repository, 'ffff', '--add', 'b');
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /snapshot\.missing/);
});
