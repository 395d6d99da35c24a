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
  const line = ({ args }: Command): string => args.filter((arg) => !arg.endsWith('main.ts')).join(' ');
  return {
    init: program.init(place).map(line).join(' && '),
    backup: line(program.backup(place, '/s', 2)),
    restore: line(program.restore(place, { source: '/s', target: '/t', sequence: 2 })),
    check: line(program.check(place)),
  };
}

test('command lines', () => {
  const ours = '--repo /r --password-file /p --quiet';
  assert.deepEqual(linesOf(programs[0]), {
    init: `repo init ${ours}`,
    backup: `backup /s ${ours}`,
    restore: `restore latest --target /t ${ours}`,
    check: `check --read-data ${ours}`,
  });
  assert.deepEqual(linesOf(restic('restic', '1')), {
    init: `${ours} init`,
    backup: `${ours} backup /s`,
    restore: `${ours} restore latest --target /t`,
    check: `${ours} check --read-data`,
  });
  const rustics = '--repository /r --password-file /p --no-progress';
  assert.deepEqual(linesOf(rustic('rustic', '1')), {
    init: `${rustics} init`,
    backup: `${rustics} backup /s`,
    restore: `${rustics} restore latest:/s /t`,
    check: `${rustics} check --read-data`,
  });
  assert.deepEqual(linesOf(borg('borg', '1')), {
    init: 'init --encryption repokey-blake2',
    backup: 'create --compression zstd,3 ::backup-2 /s',
    restore: 'extract ::backup-2',
    check: 'check --verify-data',
  });
  const kopias = '--config-file /h/kopia.config --no-progress';
  assert.deepEqual(linesOf(kopia('kopia', '1')), {
    init: `repository create filesystem --path /r ${kopias} && policy set --global --compression zstd ${kopias}`,
    backup: `snapshot create /s ${kopias}`,
    restore: `restore /s /t --snapshot-time latest ${kopias}`,
    check: `snapshot verify --verify-files-percent 100 ${kopias}`,
  });
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
  const extract = borg('borg', '1').restore(place, { source: '/s', target: '/t', sequence: 1 });
  assert.equal(extract.cwd, '/t');
});
