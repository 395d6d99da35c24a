import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { newFolder, TargetFolders } from './restore-folders.ts';

describe('folders of a restore', () => {
  it('leave no descriptor open when there is none for the next', (t) => {
    const path = Buffer.from(temporaryFolder(t));
    const open = fs.openSync;
    // The folder itself, then those for syncing its file system.
    for (const failing of [1, 2]) {
      const opened: number[] = [];
      const mocked = t.mock.method(fs, 'openSync', (...args: Parameters<typeof open>) => {
        if (opened.length === failing) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
        opened.push(open(...args));
        return opened.at(-1);
      });
      const root = newFolder({ parent: undefined, name: Buffer.alloc(0), attributes: undefined, path, parts: [] });
      const options = { overwrite: 'always', deletes: false, dryRun: false } as const;
      assert.throws(() => new TargetFolders(root, path, options), { code: 'EMFILE' });
      mocked.mock.restore();
      assert.equal(opened.length, failing);
      for (const fd of opened) assert.throws(() => fs.fstatSync(fd), { code: 'EBADF' });
    }
  });
});
