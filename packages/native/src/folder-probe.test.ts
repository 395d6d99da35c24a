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
            const text = name.toString('latin1');
            const path = Buffer.concat([Buffer.from(`${at}/`), name]);
            const expected = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
            // What others use may go or change between two looks.
            if (expected === undefined || (at !== folder && !expected.isBlockDevice() && !expected.isCharacterDevice()))
              continue;
            probe.look(fd, text, () => path);
            for (const [field, value] of Object.entries(probe.status()))
              assert.equal(
                value,
                Object.getOwnPropertyDescriptor(expected, field)?.value,
                `${field} of ${path.toString()}`,
              );
            assert.equal(probe.device, expected.dev);
            for (const field of ['mode', 'nlink', 'uid', 'gid', 'ino', 'size'] as const)
              assert.equal(BigInt(probe[field]), expected[field], `${field} of ${path.toString()}`);
            assert.equal(BigInt(probe.mtimeSeconds) * 1_000_000_000n + BigInt(probe.mtimeNanos), expected.mtimeNs);
            assert.equal(BigInt(probe.ctimeSeconds) * 1_000_000_000n + BigInt(probe.ctimeNanos), expected.ctimeNs);
            assert.ok(probe.mtimeNanos >= 0);
            assert.equal(probe.exact, true);
          }
          assert.throws(() => probe.look(fd, 'missing', () => Buffer.from(`${at}/missing`)), {
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
      const mayHave = (name: string): boolean => {
        probe.look(fd, Buffer.from(name).toString('latin1'), () => Buffer.from(join(folder, name)));
        return probe.mayHaveXattrs(fd);
      };
      assert.equal(mayHave('file'), true);
      for (const name of ['ä name', 'link', 'folder']) {
        const listed = listXattrs(Buffer.from(join(folder, name))).length > 0;
        if (listed) assert.equal(mayHave(name), true);
      }
      // One that has gone since is for the caller to find out about.
      probe.look(fd, 'hard', () => Buffer.from(join(folder, 'hard')));
      fs.rmSync(join(folder, 'hard'));
      assert.equal(probe.mayHaveXattrs(fd), true);
    });

    it(`lists names in the order of their bytes: ${ways}`, (t) => {
      const folder = fs.mkdtempSync(join(os.tmpdir(), 'holdfast-probe-'));
      t.after(() => fs.rmSync(folder, { recursive: true }));
      const names = ['a', 'ä', '日本', '...', '.hidden', 'B', 'a.b', 'n'.repeat(255), '🙂'.repeat(20)];
      // More than one call lists.
      for (let number = 0; number < 3000; number += 1) names.push(`name ${number} ${'x'.repeat(number % 40)}`);
      for (const name of names) fs.writeFileSync(join(folder, name), '');
      const fd = fs.openSync(folder, 'r');
      t.after(() => fs.closeSync(fd));
      const expected = names.map((name) => Buffer.from(name)).sort(Buffer.compare);
      const found = new FolderProbe(ways).names(fd, () => Buffer.from(folder));
      assert.deepEqual(
        found,
        expected.map((name) => name.toString('latin1')),
      );
      const file = fs.openSync(join(folder, 'a'), 'r');
      t.after(() => fs.closeSync(file));
      assert.throws(() => new FolderProbe(ways).names(file, () => Buffer.from(join(folder, 'a'))), { code: 'ENOTDIR' });
    });
  }

  it('sees large device numbers', { skip: skipUnless({ root: true, platform: 'linux' }) }, (t) => {
    const folder = sampleFolder();
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const path = join(folder, 'device');
    if (spawnSync('mknod', [path, 'c', '4000', '1000000']).status !== 0) return t.skip('mknod is not permitted');
    const fd = fs.openSync(folder, 'r');
    t.after(() => fs.closeSync(fd));
    const probe = new FolderProbe();
    probe.look(fd, 'device', () => Buffer.from(path));
    assert.equal(probe.status().rdev, fs.lstatSync(path, { bigint: true }).rdev);
  });
});
