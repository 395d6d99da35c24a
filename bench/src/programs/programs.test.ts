import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../measure/run-command.ts';
import type { BackupProgram, Place } from './backup-program.ts';
import { borg } from './borg.ts';
import { holdfast } from './holdfast.ts';
import { kopia } from './kopia.ts';
import { restic } from './restic.ts';
import { rustic } from './rustic.ts';

const place: Place = { repository: '/r', passwordFile: '/p', password: 'secret', home: '/h' };
const programs = [holdfast('1'), ...[restic, rustic, borg, kopia].map((adapt) => adapt('/bin/program', '1'))] as const;

/** The arguments of every step, without the path of our own entry. */
function linesOf(program: BackupProgram): Record<string, string> {
  const line = ({ args }: Command): string => args.filter((arg) => !arg.endsWith('main.mjs')).join(' ');
  return {
    init: program.init(place).map(line).join(' && '),
    backup: line(program.backup(place, '/s', 2)),
    restore: line(program.restore(place, { source: '/s', target: '/t', sequence: 2 })),
    check: line(program.check(place)),
    part: line(program.restore(place, { source: '/s', part: 'a', target: '/t', sequence: 2 })),
    prune: program.prune(place, 3).map(line).join(' && '),
    pruneOnly: program.prune(place, undefined).map(line).join(' && '),
  };
}

test('command lines', () => {
  const ours = '--repo /r --password-file /p --quiet';
  assert.deepEqual(linesOf(programs[0]), {
    init: `repo init ${ours}`,
    backup: `backup /s ${ours}`,
    restore: `restore latest --target /t ${ours}`,
    check: `check --read-data ${ours}`,
    part: `restore latest --target /t --include /s/a ${ours}`,
    prune: `forget --keep-last 3 ${ours} && prune ${ours}`,
    pruneOnly: `prune ${ours}`,
  });
  assert.deepEqual(linesOf(restic('restic', '1')), {
    init: `${ours} init`,
    backup: `${ours} backup /s`,
    restore: `${ours} restore latest --target /t`,
    check: `${ours} check --read-data`,
    part: `${ours} restore latest --target /t --include /s/a`,
    prune: `${ours} forget --keep-last 3 && ${ours} prune`,
    pruneOnly: `${ours} prune`,
  });
  const rustics = '--repository /r --password-file /p --no-progress';
  assert.deepEqual(linesOf(rustic('rustic', '1')), {
    init: `${rustics} init`,
    backup: `${rustics} backup /s`,
    restore: `${rustics} restore latest:/s /t`,
    check: `${rustics} check --read-data`,
    part: `${rustics} restore latest:/s/a /t`,
    prune: `${rustics} forget --keep-last 3 && ${rustics} prune --instant-delete --max-repack unlimited`,
    pruneOnly: `${rustics} prune --instant-delete --max-repack unlimited`,
  });
  assert.deepEqual(linesOf(borg('borg', '1')), {
    init: 'init --encryption repokey-blake2',
    backup: 'create --compression zstd,3 ::backup-2 /s',
    restore: 'extract ::backup-2',
    check: 'check --verify-data',
    part: 'extract ::backup-2 s/a',
    prune: 'prune --keep-last 3 && compact',
    pruneOnly: 'compact',
  });
  const kopias = '--config-file /h/kopia.config --no-progress';
  assert.deepEqual(linesOf(kopia('kopia', '1')), {
    init: `repository create filesystem --path /r ${kopias} && policy set --global --compression zstd ${kopias}`,
    backup: `snapshot create /s ${kopias}`,
    restore: `restore /s /t --snapshot-time latest ${kopias}`,
    check: `snapshot verify --verify-files-percent 100 ${kopias}`,
    part: `restore /s /t --snapshot-time latest ${kopias}`,
    prune: `policy set --global --keep-latest 3 --keep-hourly 0 --keep-daily 0 --keep-weekly 0 --keep-monthly 0 --keep-annual 0 ${kopias} && snapshot expire --all --delete ${kopias} && maintenance run --full --safety none ${kopias}`,
    pruneOnly: `maintenance run --full --safety none ${kopias}`,
  });
});

test('a repository behind a server is named by its address, with the certificate and what proves the right to it', () => {
  const remote = {
    address: 'rest:https://127.0.0.1:1/x/',
    caFile: '/ca.pem',
    environment: { RESTIC_REST_PASSWORD: 'g' },
  };
  const ours = programs[0].backup({ ...place, remote }, '/s', 1);
  assert.deepEqual(ours.args.slice(1), [
    ...['backup', '/s', '--repo', remote.address, '--cacert', '/ca.pem', '--quiet'],
  ]);
  assert.equal(ours.env['RESTIC_REST_PASSWORD'], 'g');
  const theirs = restic('restic', '1')
    .check({ ...place, remote })
    .args.join(' ');
  assert.equal(theirs, `--repo ${remote.address} --password-file /p --quiet --cacert /ca.pem check --read-data`);
});

test("no program sees the person's own settings or caches", (t) => {
  const names = ['RESTIC_REPOSITORY', 'HOLDFAST_REPOSITORY', 'BORG_CACHE_DIR', 'RUSTIC_CACHE_DIR', 'KOPIA_CONFIG_PATH'];
  for (const name of names) process.env[name] = '/elsewhere';
  t.after(() => {
    for (const name of names) Reflect.deleteProperty(process.env, name);
  });
  for (const program of programs) {
    const commands = [
      ...program.init(place),
      program.backup(place, '/s', 1),
      program.restore(place, { source: '/s', target: '/t', sequence: 1 }),
      program.check(place),
      ...program.prune(place, 1),
    ];
    for (const { env, args } of commands) {
      assert.equal(env['HOME'], '/h');
      assert.ok(!Object.values(env).includes('/elsewhere'), program.name);
      assert.ok(!args.includes(place.password), `${program.name} shows its password`);
    }
  }
});

test('restored content is where each program puts it', () => {
  const at = Object.fromEntries(
    programs.map((program) => [program.name, program.restored({ source: '/s', target: '/t' })]),
  );
  assert.deepEqual(at, { holdfast: '/t/s', restic: '/t/s', rustic: '/t', borg: '/t/s', kopia: '/t' });
  const parts = programs.map((program) => program.restored({ source: '/s', part: 'a', target: '/t' }));
  assert.deepEqual(parts, ['/t/s/a', '/t/s/a', '/t', '/t/s/a', '/t/a']);
  const extract = borg('borg', '1').restore(place, { source: '/s', target: '/t', sequence: 1 });
  assert.equal(extract.cwd, '/t');
});
