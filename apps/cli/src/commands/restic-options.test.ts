import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

describe('options that restic takes with every command', {
  skip: skipUnless({ programs: ['restic'], platform: 'linux' }),
}, () => {
  const { folder, freshRepository, holdfast, passwordFile, restic } = standAloneFixture();
  // Real text, and less than the smallest piece: where a larger file is cut is chance, and so would be what is stored of it.
  const text = join(folder, 'text');
  const size = 350_000;
  before(() => {
    const docs = join(import.meta.dirname, '../../../../docs');
    const pages = ['PORTS.md', 'network.md', 'benchmarks.md', 'proof.json'].map((page) =>
      readFileSync(join(docs, page)),
    );
    writeFileSync(text, Buffer.concat(pages).subarray(0, size));
  });

  test('--compression stores as little as restic does, and data as it is when off', async () => {
    for (const mode of ['off', 'fastest', 'auto', 'better', 'max']) {
      const theirs = await freshRepository(`restic ${mode}`);
      const ours = await freshRepository(`ours ${mode}`);
      const args = ['backup', text, '--json', '--compression', mode];
      const packed = jsonResult<{ data_added_packed: number }>(await restic(theirs, ...args)).data_added_packed;
      const result = await holdfast('backup', ours, ...args.slice(1));
      const { storedBytes } = jsonResult<{ storedBytes: number }>(result.stdout);
      assert.ok(storedBytes < packed * 1.1, `${mode}: ${storedBytes}, restic ${packed}`);
      const raw = JSON.parse(await restic(ours, 'stats', '--mode', 'raw-data', '--json', 'latest')) as Record<
        string,
        number
      >;
      assert.equal(storedBytes > size, mode === 'off');
      // Trees are compressed in any case.
      assert.ok((raw['compression_progress'] ?? 0) > 0, mode);
      await restic(ours, 'check', '--read-data');
    }
  });

  test('the environment chooses the compression, and is told what there is', async () => {
    const repository = await freshRepository('environment');
    const backup = ['-r', repository, '-p', passwordFile, '--json', 'backup', text];
    const off = await runCli(backup, { env: { RESTIC_COMPRESSION: 'off' } });
    assert.ok(jsonResult<{ storedBytes: number }>(off.stdout).storedBytes > size, off.stdout);
    const wrong = await runCli(backup, { env: { HOLDFAST_COMPRESSION: 'best' } });
    assert.equal(wrong.status, 2);
    assert.match(wrong.stdout, /auto, off, fastest, better, max/);
  });

  test('other packs than prune and copy make are refused by name', async () => {
    const repository = await freshRepository('packs');
    const commands = [['prune'], ['copy', '--from-repo', repository], ['forget', '--prune', '--keep-last', '1']];
    for (const [command = '', ...args] of commands) {
      for (const other of [
        ['--pack-size', '64'],
        ['--compression', 'max'],
      ]) {
        const { status, stderr } = await holdfast(command, repository, ...args, ...other);
        assert.equal(status, 2, `${command} ${other.join(' ')}`);
        assert.match(stderr, /in packs of 16 MiB/);
      }
    }
    const same = await holdfast('prune', repository, '--pack-size', '16', '--compression', 'auto');
    assert.equal(same.status, 0, same.stderr);
  });

  test('what means nothing is taken, before the command and behind it', async () => {
    const repository = await freshRepository('taken');
    const taken = ['-vv', '--verbose=2', '--no-cache', '--cleanup-cache', '--cache-dir', folder, '--no-extra-verify'];
    const valued = ['--pack-size', '16', '--http-user-agent', 'x', '--stuck-request-timeout', '5m'];
    const limits = ['--limit-upload', '100000', '--limit-download', '0'];
    const place = ['-r', repository, '-p', passwordFile];
    for (const command of [['backup', text], ['snapshots'], ['key', 'list'], ['check'], ['unlock']]) {
      const { status, stderr } = await runCli([...place, ...taken, ...command, ...valued, ...limits]);
      assert.equal(status, 0, `${command.join(' ')}: ${stderr}`);
    }
  });
});
