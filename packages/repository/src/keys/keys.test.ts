import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { initRepository, openRepository, type Repository } from '../index.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { restic, tryRestic } from '../testing/restic.ts';
import { cheapKey, sampleRepository } from '../testing/sample-repository.ts';
import { addKey, changePassword, listKeys, removeKey } from './index.ts';

async function fresh(): Promise<{ target: MemoryTarget; repository: Repository }> {
  const target = new MemoryTarget();
  const clock = new ManualClock();
  return { target, repository: await initRepository(target, { password: 'first', keyOptions: cheapKey, clock }) };
}

test('a second password opens the same master key, and each key says who made it', async () => {
  const { target, repository } = await fresh();
  const id = await addKey(repository, {
    password: 'second',
    keyOptions: { ...cheapKey, username: 'ann', hostname: 'web1' },
  });
  const second = await openRepository(target, { password: 'second' });
  assert.deepEqual(second.masterKey, repository.masterKey);
  assert.equal(second.keyId, id);
  const keys = await listKeys(second);
  assert.equal(keys.length, 2);
  const [current] = keys.filter((key) => key.current);
  assert.deepEqual(
    { id: current?.id, username: current?.username, hostname: current?.hostname },
    { id, username: 'ann', hostname: 'web1' },
  );
  await openRepository(target, { password: 'first' });
});

test('the key in use, the last key, an unknown and an ambiguous one are not removed', async () => {
  const { target, repository } = await fresh();
  const own = repository.keyId ?? '';
  await assert.rejects(removeKey(repository, own), (error) => hasCode(error, 'usage.option'));
  const byMasterKey = await openRepository(target, { masterKey: repository.masterKey });
  await assert.rejects(removeKey(byMasterKey, own), /only one/);
  const added: string[] = [];
  // Until two ids begin alike.
  while (new Set(added.map((id) => id[0])).size === added.length)
    added.push(await addKey(repository, { password: 'x', keyOptions: cheapKey }));
  const alike = added.at(-1)?.[0] ?? '';
  await assert.rejects(removeKey(repository, alike), /Give more digits|ids that begin/);
  await assert.rejects(removeKey(repository, 'zz'), (error) => hasCode(error, 'request.missing'));
  await assert.rejects(removeKey(repository, ''), (error) => hasCode(error, 'request.missing'));
  assert.equal(target.ids('key').length, added.length + 1);
  await removeKey(repository, added[0] ?? '');
  assert.equal(target.ids('key').includes(added[0] ?? ''), false);
});

test('the old key goes only when the new one is durable and proven', async () => {
  const { target, repository } = await fresh();
  target.calls.length = 0;
  const { added, removed, kept } = await changePassword(repository, { password: 'second', keyOptions: cheapKey });
  assert.deepEqual(target.calls, ['create key', 'read key', 'delete key']);
  assert.deepEqual(target.ids('key'), [added]);
  assert.equal(removed, repository.keyId);
  assert.equal(kept, undefined);
  await assert.rejects(openRepository(target, { password: 'first' }), (error) => hasCode(error, 'repository.password'));
  await openRepository(target, { password: 'second' });
});

test('a new key that cannot be stored, or is not what was stored, leaves the old one as it is', async () => {
  const { target, repository } = await fresh();
  target.fail = (call) => {
    if (call === 'create') throw new HoldfastError('storage.full');
  };
  await assert.rejects(changePassword(repository, { password: 'second', keyOptions: cheapKey }), (error) =>
    hasCode(error, 'storage.full'),
  );
  target.fail = (call, { id }) => {
    const bytes = target.objects.get(`key:${id}`);
    if (call === 'read' && bytes) target.objects.set(`key:${id}`, bytes.fill(0, 0, 20));
  };
  await assert.rejects(changePassword(repository, { password: 'second', keyOptions: cheapKey }), (error) =>
    hasCode(error, 'storage.tampered'),
  );
  target.fail = () => {};
  assert.deepEqual(target.ids('key'), [repository.keyId]);
  await openRepository(target, { password: 'first' });
});

test('a key that the storage does not delete yet is reported, and both passwords open', async () => {
  const { target, repository } = await fresh();
  target.fail = (call, { type }) => {
    if (call === 'delete' && type === 'key')
      throw new HoldfastError('storage.immutable', { message: 'not before 2030' });
  };
  const changed = await changePassword(repository, { password: 'second', keyOptions: cheapKey });
  assert.equal(changed.kept?.code, 'storage.immutable');
  assert.match(changed.kept?.message ?? '', /old one still does.*not before 2030/);
  for (const password of ['first', 'second']) await openRepository(target, { password });
});

test('a damaged key file is reported and hides no other', async () => {
  const { target, repository } = await fresh();
  const bad = await addKey(repository, { password: 'x', keyOptions: cheapKey });
  target.objects.get(`key:${bad}`)?.fill(0);
  await assert.rejects(listKeys(repository), (error) => hasCode(error, 'storage.tampered'));
  const problems: string[] = [];
  const keys = await listKeys(repository, { onProblem: (_, id) => problems.push(id) });
  assert.deepEqual(problems, [bad]);
  assert.deepEqual(
    keys.map((key) => key.id),
    [repository.keyId],
  );
});

test('the hint names the key to try first, also beyond the number of tries', async () => {
  const { target, repository } = await fresh();
  const added: string[] = [];
  for (let at = 0; at < 24; at += 1) added.push(await addKey(repository, { password: `p${at}`, keyOptions: cheapKey }));
  const last = added.toSorted().at(-1) ?? '';
  const password = `p${added.indexOf(last)}`;
  target.calls.length = 0;
  const opened = await openRepository(target, { password, keyHint: last.slice(0, 12) });
  assert.equal(opened.keyId, last);
  assert.equal(target.calls.filter((call) => call === 'read key').length, 1);
});

test('restic opens with our keys, and we with its keys', { skip: skipUnless({ programs: ['restic'] }) }, async (t) => {
  const { target, repository } = await sampleRepository();
  const folder = temporaryFolder(t);
  const repo = join(folder, 'repo');
  await addKey(repository, { password: 'ours', keyOptions: cheapKey });
  target.writeTo(repo);
  writeFileSync(join(folder, 'new-password'), 'theirs\n');
  const withOurs = { RESTIC_PASSWORD: 'ours' };
  const listed = JSON.parse(tryRestic(repo, ['key', 'list', '--json'], withOurs).stdout) as unknown[];
  assert.equal(listed.length, 2);
  const added = tryRestic(repo, ['key', 'add', '--new-password-file', join(folder, 'new-password')], withOurs);
  assert.equal(added.status, 0, added.stderr);
  const after = MemoryTarget.fromFolder(repo);
  const theirs = await openRepository(after, { password: 'theirs' });
  assert.equal((await listKeys(theirs)).length, 3);
  assert.deepEqual(theirs.masterKey, repository.masterKey);
  assert.match(restic(repo, 'check', '--read-data'), /no errors were found/);
});
