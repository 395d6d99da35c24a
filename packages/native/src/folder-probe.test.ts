import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { FolderProbe, listXattrs, writeXattr } from './index.ts';

function sampleFolder(): string {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'holdfast-probe-'));
  fs.writeFileSync(join(folder, 'file'), 'content');
  fs.writeFileSync(join(folder, 'ä name'), '');
  fs.symlinkSync('nowhere', join(folder, 'link'));
  fs.linkSync(join(folder, 'file'), join(folder, 'hard'));
  fs.mkdirSync(join(folder, 'folder'));
  fs.chmodSync(join(folder, 'folder'), 0o1751);
  // Before 1970, where rounding goes the other way.
  fs.utimesSync(join(folder, 'file'), 1, -1.234567);
  return folder;
}

describe('folder probe', () => {
  for (const ways of ['fastest', 'portable'] as const) {
    it(`tells what lstat tells: ${ways}`, (t) => {
      const folder = sampleFolder();
      t.after(() => fs.rmSync(folder, { recursive: true }));
      const probe = new FolderProbe(ways);
      for (const at of [folder, '/dev', '/proc/self', '/']) {
        const fd = fs.openSync(at, 'r');
        try {
          for (const name of fs.readdirSync(at, { encoding: 'buffer' })) {
            const path = Buffer.concat([Buffer.from(`${at}/`), name]);
            const expected = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
            // What others use may go or change between two looks.
            if (expected === undefined || (at !== folder && !expected.isBlockDevice() && !expected.isCharacterDevice()))
              continue;
            for (const [field, value] of Object.entries(probe.status(fd, name, () => path)))
              assert.equal(
                value,
                Object.getOwnPropertyDescriptor(expected, field)?.value,
                `${field} of ${path.toString()}`,
              );
          }
          assert.throws(() => probe.status(fd, Buffer.from('missing'), () => Buffer.from(`${at}/missing`)), {
            code: 'ENOENT',
          });
        } finally {
          fs.closeSync(fd);
        }
      }
    });

    it(`knows where there are no extended attributes: ${ways}`, { skip: skipUnless({ platform: 'linux' }) }, (t) => {
      const folder = sampleFolder();
      t.after(() => fs.rmSync(folder, { recursive: true }));
      const probe = new FolderProbe(ways);
      const fd = fs.openSync(folder, 'r');
      t.after(() => fs.closeSync(fd));
      writeXattr(Buffer.from(join(folder, 'file')), Buffer.from('user.note'), Buffer.from('x'));
      assert.equal(probe.mayHaveXattrs(fd, Buffer.from('file')), true);
      for (const name of ['ä name', 'link', 'folder']) {
        const listed = listXattrs(Buffer.from(join(folder, name))).length > 0;
        if (listed) assert.equal(probe.mayHaveXattrs(fd, Buffer.from(name)), true);
      }
      // Missing ones are for the caller to find out about.
      assert.equal(probe.mayHaveXattrs(fd, Buffer.from('missing')), true);
    });
  }

  it('sees large device numbers', { skip: skipUnless({ root: true, platform: 'linux' }) }, (t) => {
    const folder = sampleFolder();
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const path = join(folder, 'device');
    if (spawnSync('mknod', [path, 'c', '4000', '1000000']).status !== 0) return t.skip('mknod is not permitted');
    const fd = fs.openSync(folder, 'r');
    t.after(() => fs.closeSync(fd));
    const { rdev } = new FolderProbe().status(fd, Buffer.from('device'), () => Buffer.from(path));
    assert.equal(rdev, fs.lstatSync(path, { bigint: true }).rdev);
  });
});
