import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile, restic } = standAloneFixture();

test('init --copy-chunker-params takes restic’s polynomial from another repository', {
  skip: skipUnless({ programs: ['restic'] }),
}, async () => {
  const source = await freshRepository('source');
  const from = ['--from-repo', source, '--from-password-file', passwordFile];
  const copy = join(folder, 'copy');
  assert.equal((await holdfast('init', copy, ...from, '--copy-chunker-params')).status, 0);
  const polynomial = async (repository: string): Promise<unknown> =>
    (JSON.parse(await restic(repository, 'cat', 'config')) as Record<string, unknown>)['chunker_polynomial'];
  assert.equal(await polynomial(copy), await polynomial(source));
  const without = await holdfast('init', join(folder, 'without'), ...from);
  assert.deepEqual([without.status, without.stdout], [2, '']);
});
