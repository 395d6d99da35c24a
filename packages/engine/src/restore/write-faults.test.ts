import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';

const skip = skipUnless({ platform: 'linux', programs: ['strace'] });

describe('a small file that cannot be written', { skip }, () => {
  // File systems of networks tell of some failures only when the file is closed.
  for (const fault of ['pwrite64:error=ENOSPC', 'close:error=EIO'])
    it(`is reported, and nothing of it stays: ${fault}`, async (t) => {
      const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
      const source = join(folder, 'source');
      const target = join(folder, 'target');
      fs.mkdirSync(source);
      for (const name of ['bad', 'good']) fs.writeFileSync(join(source, name), `content of ${name}`);
      await backup(repository, { sources: [source] });
      const script = join(folder, 'restore.mjs');
      fs.writeFileSync(
        script,
        `import { openRepository } from ${JSON.stringify(import.meta.resolve('@holdfast/repository'))};
        import { openLocalDisk } from ${JSON.stringify(import.meta.resolve('@holdfast/storage'))};
        import { restore } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
        const disk = await openLocalDisk({ path: ${JSON.stringify(repositoryFolder)} });
        const repository = await openRepository(disk, { password: ${JSON.stringify(testPassword)} });
        const { complete, filesRestored, itemsFailed } = await restore(repository, {
          snapshotId: 'latest',
          target: ${JSON.stringify(target)},
          workers: 1,
        });
        console.log(JSON.stringify({ complete, filesRestored, itemsFailed }));`,
      );
      const [call] = fault.split(':');
      const tracing = ['-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-P', join(target, source, 'bad')];
      const { status, stdout, stderr } = spawnSync(
        'strace',
        [...tracing, '-e', `trace=${call}`, '-e', `inject=${fault}`, process.execPath, script],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, stderr);
      assert.deepEqual(JSON.parse(stdout), { complete: false, filesRestored: 1, itemsFailed: 1 });
      assert.deepEqual(fs.readdirSync(join(target, source)), ['good']);
    });
});
