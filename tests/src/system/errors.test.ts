import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import { labNeeds } from '../lab/lab-needs.ts';
import { grantFor, withClaims } from './access.ts';
import { OneComputer, type Report, type Run, waitUntil } from './one-computer.ts';

/** What goes wrong on the way through the server: a clear error, the right exit status, nothing half-written that looks whole. */

test('wrong options and folders are refused before anything is started', { skip: labNeeds }, async (t) => {
  const computer = OneComputer.isolated(t);
  const refused = async (args: readonly string[], pattern: RegExp): Promise<void> => {
    const { stderr } = await computer.holdfast(args, { status: 2 });
    assert.match(stderr, pattern);
  };
  await refused(
    ['up', '--demonstrate', '--once', join(computer.folder, 'nowhere')],
    /nowhere[\s\S]*Code: usage\.option/,
  );
  writeFileSync(join(computer.folder, 'file'), '');
  await refused(
    ['up', '--demonstrate', '--once', join(computer.folder, 'file')],
    /no folder[\s\S]*Code: usage\.option/,
  );
  await refused(['up', '--demonstrat'], /unknown option[\s\S]*--demonstrate/);
  await refused(['job', 'run', 'x', '--sideways'], /unknown option '--sideways'/);
  assert.equal(existsSync(computer.data), false, 'nothing was begun');
});

test('errors of runs and grants', { skip: labNeeds }, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  writeFileSync(join(source, 'small'), 'small\n');
  writeFileSync(join(source, 'large'), randomBytes(3 * 1024 * 1024));
  await using _up = await computer.up();
  await computer.prepareJob('files', source);
  await computer.runJob('files');

  const refused = async (args: readonly string[], env: Readonly<Record<string, string>>, status = 1): Promise<Report> =>
    (await computer.json<{ error: Report }>(args, { env, status })).error;

  await t.test('a folder that is not there: the run fails with backup.nothing', async () => {
    await computer.prepareJob('nowhere', join(computer.folder, 'nowhere'));
    const run = await computer.runJob('nowhere', 1);
    assert.equal(run.state, 'failed');
    assert.equal(run.error?.code, 'backup.nothing');
    assert.equal(run.result, undefined);
    const { stderr } = await computer.holdfast(['job', 'run', 'nowhere'], { status: 1 });
    assert.match(stderr, /Code: backup\.nothing/);
  });

  await t.test('an expired grant is refused by the mover', async () => {
    const access = await grantFor(computer, {
      repository: 'default',
      mode: 'read',
      folder: join(computer.folder, 'a'),
    });
    await computer.holdfast(['snapshots'], { env: access });
    const now = Math.floor(Date.now() / 1000);
    const expired = withClaims(access, computer, { iat: now - 7200, nbf: now - 7200, exp: now - 3600 });
    const error = await refused(['snapshots'], expired);
    assert.equal(error.code, 'grant.expired');
    assert.notEqual(error.guidance, '');
    // The same change with a time that is good shows that only the time was wrong.
    await computer.holdfast(['snapshots'], { env: withClaims(access, computer, { exp: now + 600 }) });
    const broken = { ...access, RESTIC_REST_PASSWORD: `${access['RESTIC_REST_PASSWORD']?.slice(0, -8)}AAAAAAAA` };
    assert.equal((await refused(['snapshots'], broken)).code, 'grant.invalid');
  });

  await t.test('a grant for one repository opens no other', async () => {
    await computer.holdfast(['repo', 'create', 'other']);
    const access = await grantFor(computer, {
      repository: 'default',
      mode: 'append',
      folder: join(computer.folder, 'b'),
    });
    const other = { ...access, RESTIC_REPOSITORY: access['RESTIC_REPOSITORY']?.replace('/default/', '/other/') ?? '' };
    assert.equal((await refused(['snapshots'], other)).code, 'grant.invalid');
    assert.equal((await refused(['backup', source], other)).code, 'grant.invalid');
    assert.deepEqual(
      readdirSync(computer.repositoryFolder('other'), { recursive: true }).filter((name) => String(name).length > 60),
      [],
    );
  });

  await t.test('a wrong password: status 12', async () => {
    const access = await grantFor(computer, {
      repository: 'default',
      mode: 'read',
      folder: join(computer.folder, 'c'),
    });
    const wrong = join(computer.folder, 'wrong');
    writeFileSync(wrong, 'not this one\n');
    const error = await refused(['snapshots'], { ...access, RESTIC_PASSWORD_FILE: wrong }, 12);
    assert.equal(error.code, 'repository.password');
  });

  await t.test('a damaged pack: the restore says which, and nothing looks whole', async () => {
    const before = new Set(packs(computer.repositoryFolder()));
    writeFileSync(join(source, 'large'), randomBytes(3 * 1024 * 1024));
    await computer.runJob('files');
    const added = packs(computer.repositoryFolder()).filter((pack) => !before.has(pack));
    // Of the new packs the one with file content; the other holds folders.
    const pack = added.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
    const bytes = readFileSync(pack);
    for (let at = 1000; at < bytes.length - 5000; at += 100_000) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    chmodSync(pack, 0o600);
    writeFileSync(pack, bytes);

    const target = join(computer.folder, 'damaged');
    const { run } = await computer.json<{ run: Run }>(['restore', 'latest', '--target', target], { status: 1 });
    assert.equal(run.state, 'failed', JSON.stringify(run));
    const said = JSON.stringify([run.error, ...run.problems]);
    assert.equal(run.error?.code, 'storage.tampered', said);
    assert.match(run.error.message, /large.*Blob [0-9a-f]{8}/);
    assert.match(run.error.guidance, /holdfast check --read-data/);
    assert.equal(readFileSync(join(target, source, 'small'), 'utf8'), 'small\n', 'the rest is restored');
    assert.equal(existsSync(join(target, source, 'large')), false, 'no file that looks whole');
    await computer.holdfast(['run', 'show', run.id, '--follow'], { status: 1 });
  });

  await t.test('a revoked agent: its connection is cut, and its next run is refused', async () => {
    const log = join(computer.data, 'log', 'agent.log');
    const agents = async () =>
      (await computer.json<{ computers: { id: string; state: string }[] }>(['computers', 'list', '--role', 'agent']))
        .computers;
    const [agent] = await agents();
    assert.equal(agent?.state, 'online');
    const logged = readFileSync(log, 'utf8').length;
    await computer.holdfast(['computers', 'revoke', agent.id, '--yes']);
    assert.equal((await agents())[0]?.state, 'revoked');
    await waitUntil('the agent is refused when it calls again', () =>
      /channel\.(revoked|identity|tls|closed|handshake)/.test(readFileSync(log, 'utf8').slice(logged)),
    );
    const error = await refused(['job', 'run', 'files'], {});
    assert.equal(error.code, 'channel.revoked');
    assert.match(error.message, new RegExp(agent.id));
    assert.match(error.guidance, /enrol/i);
  });
});

test('a full disk of the store: a clear error, and the next backup after making space works', {
  skip: labNeeds || skipUnless({ programs: ['restic', 'mount'] }),
}, async (t) => {
  const computer = OneComputer.isolated(t);
  const store = computer.makeFolder('data/repositories');
  chmodSync(computer.data, 0o700);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=700', 'holdfast-test', store]);
  try {
    const source = computer.makeFolder('source');
    writeFileSync(join(source, 'first'), randomBytes(4 * 1024 * 1024));
    await using _up = await computer.up();
    await computer.prepareJob('files', source);
    const first = await computer.runJob('files');

    writeFileSync(join(source, 'much'), randomBytes(48 * 1024 * 1024));
    const failed = await computer.runJob('files', 1);
    assert.equal(failed.state, 'failed');
    assert.equal(failed.error?.code, 'storage.full', JSON.stringify(failed.error));
    assert.notEqual(failed.error.guidance, '');
    const { snapshots } = await computer.json<{ snapshots: { id: string }[] }>(['snapshots']);
    assert.deepEqual(
      snapshots.map(({ id }) => id),
      [first.result?.snapshotId],
    );

    rmSync(join(source, 'much'));
    writeFileSync(join(source, 'little'), randomBytes(1024 * 1024));
    // As an administrator would.
    execFileSync('mount', ['-o', 'remount,size=128m', store]);
    const next = await computer.runJob('files');
    assert.equal(next.state, 'succeeded');
    await computer.run(
      requireProgram('restic').path,
      ['--no-cache', '-r', computer.repositoryFolder(), 'check', '--read-data'],
      {
        env: { RESTIC_PASSWORD: await computer.password() },
      },
    );
    await computer.holdfast(['restore', 'latest', '--target', join(computer.folder, 'restored')]);
    assert.ok(
      readFileSync(join(computer.folder, 'restored', source, 'little')).equals(readFileSync(join(source, 'little'))),
    );
  } finally {
    execFileSync('umount', ['--lazy', store]);
  }
});

/** Any user but root; it needs nothing of its own. */
const nobody = '65534';

test('without root: 443 falls back, an unreadable folder is a warning that names it, and the rest is safe', {
  skip: labNeeds || skipUnless({ programs: ['setpriv'] }) || nobodyCannotRun(),
}, async (t) => {
  const computer = OneComputer.isolated(t);
  const source = computer.makeFolder('source');
  mkdirSync(join(source, 'closed'));
  writeFileSync(join(source, 'closed', 'secret'), 'nobody sees it\n');
  writeFileSync(join(source, 'open'), 'readable\n');
  for (const path of [computer.folder, source, join(source, 'open')]) chownSync(path, Number(nobody), Number(nobody));
  chmodSync(join(source, 'closed'), 0o700);
  chmodSync(dirname(computer.folder), 0o755);

  await using up = await computer.up([], {
    enter: ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
  });
  assert.match(up.said, /Port: .*443.*8443/);
  await computer.prepareJob('files', source);
  const run = await computer.runJob('files', 3);
  assert.equal(run.state, 'warning');
  assert.deepEqual(
    run.problems.map(({ code }) => code),
    ['file.unreadable'],
  );
  assert.match(run.problems[0]?.message ?? '', new RegExp(join(source, 'closed')));
  const target = join(computer.folder, 'restored');
  await computer.holdfast(['restore', 'latest', '--target', target]);
  assert.equal(readFileSync(join(target, source, 'open'), 'utf8'), 'readable\n');
  assert.equal(existsSync(join(target, source, 'closed', 'secret')), false);
});

function packs(repository: string): string[] {
  return readdirSync(join(repository, 'data'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** False, or why another user can't start the product from this checkout. */
function nobodyCannotRun(): string | false {
  for (let folder = import.meta.dirname; folder !== '/'; folder = dirname(folder))
    if ((statSync(folder).mode & 0o005) !== 0o005)
      return `needs a checkout that every user can read (${folder} is not)`;
  return false;
}
