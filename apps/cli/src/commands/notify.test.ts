import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, skipUnless } from '@holdfast/core/testing';
import { mailPassword, mailUser, startExim } from '@holdfast/notify/testing';
import { createTestInstallation } from '@holdfast/wire/testing';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast, passwordFile } = standAloneFixture();
const needsExim = skipUnless({ programs: ['exim4'], root: true });

interface Listing {
  readonly waiting: readonly {
    readonly recipient?: string;
    readonly subject: string;
    readonly lastError?: { code: string };
  }[];
  readonly givenUp: Listing['waiting'];
}

/** A configuration in a folder of its own, with what queue and history go into. */
function configured(name: string, lines: readonly string[]) {
  const home = join(folder, name);
  mkdirSync(home);
  const [config, data] = [join(home, 'notify.yaml'), join(home, 'data')];
  writeFileSync(config, `${lines.join('\n')}\n`);
  return {
    home,
    backup: (repository: string, ...args: string[]) =>
      holdfast(
        'backup',
        repository,
        passwordFile,
        '--notify',
        config,
        '--notify-data',
        data,
        '--host',
        'laptop',
        ...args,
      ),
    notify: (command: string, ...args: string[]) =>
      runCli(['notify', command, '--config', config, '--notify-data', data, ...args]),
    list: async (): Promise<Listing> =>
      jsonResult((await runCli(['notify', 'list', '--config', config, '--notify-data', data, '--json'])).stdout),
  };
}

async function mailServer(t: TestContext) {
  const installation = await createTestInstallation();
  const port = await freePort();
  const tls = await installation.issue({ role: 'server' });
  const exim = await startExim({ address: '127.0.0.1', ports: [port], tls, authRequired: true });
  t.after(() => exim[Symbol.asyncDispose]());
  const files = { ca: installation.caPem, password: mailPassword, wrong: 'wrong' };
  const paths = Object.fromEntries(
    Object.entries(files).map(([name, content]) => {
      const path = join(folder, `${name}-${port}`);
      writeFileSync(path, `${content}\n`);
      return [name, path];
    }),
  );
  const office = (o: { password?: string; to: string }): string =>
    `{kind: smtp, host: localhost, port: ${port}, caFile: ${paths['ca']}, user: ${mailUser}, passwordFile: ${paths[o.password ?? 'password']}, from: holdfast@example.com, to: [${o.to}]}`;
  return { exim, office };
}

test('backups without a server are told of by mail, also those that fail', { skip: needsExim }, async (t) => {
  const { exim, office } = await mailServer(t);
  const { backup, list, notify } = configured('told', [
    'name: my laptop',
    'timeZone: Europe/Berlin',
    'destinations:',
    `  office: ${office({ to: 'admin@example.com, greylisted@example.com' })}`,
    'rules:',
    '  - {atLeast: information, send: [office]}',
  ]);
  const repository = await freshRepository('told-repository');
  const succeeded = await backup(repository);
  assert.equal(succeeded.status, 0, succeeded.stderr);
  assert.match(succeeded.stderr, /to greylisted@example\.com is tried again at .*greylisted, try again later/);
  // Long lines of the header are folded.
  const inbox = async (mails: number): Promise<string> => (await exim.inbox(mails)).replaceAll('\n ', ' ');
  assert.match(await inbox(1), new RegExp(`^Subject: Backup ${repository} of laptop succeeded \\(Holdfast\\)`, 'm'));
  assert.match(await inbox(1), /^Holdfast on my laptop, \S+ \S+ \(Europe\/Berlin\)/m);

  const failed = await backup(join(folder, 'no-repository'));
  assert.equal(failed.status, 10, failed.stderr);
  assert.match(await inbox(2), /^Subject: Error: Backup .*no-repository of laptop failed/m);

  const { waiting, givenUp } = await list();
  assert.deepEqual([waiting.length, givenUp.length], [2, 0]);
  assert.deepEqual(
    waiting.map(({ recipient, lastError }) => [recipient, lastError?.code]),
    [
      ['greylisted@example.com', 'notify.deferred'],
      ['greylisted@example.com', 'notify.deferred'],
    ],
  );
  // What is due next comes first, and chance spreads the attempts.
  const shown = await notify('list');
  assert.match(
    shown.stdout,
    /^2 notifications waiting\n(?: {2}.*\n)* {2}[0-9a-f-]{36} {2}Backup .* succeeded\n {6}to office \(greylisted@example\.com\), of .*, next attempt /,
  );
  const sent = jsonResult<{ sent: number; givenUp: number }>((await notify('send', '--json')).stdout);
  assert.deepEqual([sent.sent, sent.givenUp], [0, 0]);
});

test('a trial says in plain words what went wrong', { skip: needsExim }, async (t) => {
  const { exim, office } = await mailServer(t);
  const port = await freePort();
  const { notify } = configured('trial', [
    'destinations:',
    `  good: ${office({ to: 'admin@example.com' })}`,
    `  unknown: ${office({ to: 'nobody@example.com' })}`,
    `  locked: ${office({ to: 'admin@example.com', password: 'wrong' })}`,
    `  away: {kind: syslog, host: 127.0.0.1, port: ${port}}`,
  ]);
  const good = await notify('test', '--to', 'good');
  assert.equal(good.status, 0, good.stderr);
  assert.equal(good.stdout, 'good (admin@example.com): sent\n');
  assert.match(await exim.inbox(1), /^Subject: Trial message \(Holdfast\)/m);

  const all = await notify('test');
  assert.equal(all.status, 1);
  assert.equal(all.stdout, 'good (admin@example.com): sent\n');
  assert.match(
    all.stderr,
    /unknown \(nobody@example\.com\): not sent\nError: The mail server localhost:\d+ refuses the recipient nobody@example\.com\. It says: 550 no such user here\n {2}What to do: /,
  );
  assert.match(
    all.stderr,
    /locked \(admin@example\.com\): not sent\nError: The mail server localhost:\d+ did not accept the user backup and the password/,
  );
  assert.match(
    all.stderr,
    /away: not sent\nError: Channel agent-to-syslog from agent-\w+ on \S+ to 127\.0\.0\.1:\d+ was refused/,
  );
  const told = jsonResult<{ results: { destination: string; sent: boolean; error?: { code: string } }[] }>(
    (await notify('test', '--json')).stdout,
  );
  assert.deepEqual(
    told.results.map(({ destination, sent, error }) => [destination, sent, error?.code]),
    [
      ['good', true, undefined],
      ['unknown', false, 'notify.refused'],
      ['locked', false, 'notify.sign-in'],
      ['away', false, 'channel.refused'],
    ],
  );
  assert.equal((await notify('test', '--to', 'nowhere')).status, 2);
});

test('no trouble with notifications makes a backup fail', async () => {
  const repository = await freshRepository('unharmed');
  const port = await freePort();
  const away = `{kind: syslog, host: 127.0.0.1, port: ${port}}`;
  const down = configured('down', [
    'destinations:',
    `  log: ${away}`,
    'rules:',
    '  - {atLeast: information, send: [log]}',
  ]);
  const put = await down.backup(repository, '--json');
  assert.equal(put.status, 0, put.stderr);
  assert.match(put.stderr, /Warning: the notification ".*" to log is tried again at .*\(channel\.refused\)/);
  assert.equal((await down.list()).waiting.length, 1);

  for (const [name, lines] of [
    ['mistaken', ['destinations:', '  log: {kind: sislog}']],
    ['unreadable', ['destinations: [']],
  ] as const) {
    const wrong = await configured(name, lines).backup(repository);
    assert.equal(wrong.status, 0, wrong.stderr);
    assert.match(wrong.stderr, /Warning: nobody is told of this backup: .*notify\.yaml/);
  }
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const good = configured('no-folder', ['destinations:', `  log: ${away}`]);
  const nowhere = await good.backup(repository, '--notify-data', file);
  assert.equal(nowhere.status, 0, nowhere.stderr);
  assert.match(nowhere.stderr, /Warning: nobody is told of this backup: The folder of notifications .*a-file/);
  // A trial of the same configuration is no backup.
  assert.equal((await good.notify('test', '--notify-data', file)).status, 2);
});

test('what was given up is kept, shown, and sent again on request', { skip: needsExim }, async (t) => {
  const { exim, office } = await mailServer(t);
  const lines = (to: string): string[] => ['destinations:', `  office: ${office({ to })}`];
  const { backup, list, notify, home } = configured('dead', lines('nobody@example.com'));
  const failed = await backup(join(folder, 'nothing-there'));
  assert.equal(failed.status, 10);
  assert.match(failed.stderr, /to nobody@example\.com is given up: .*no such user here/);
  assert.equal((await list()).givenUp.length, 1);
  assert.equal((await notify('retry', '00000000-0000-4000-8000-000000000000')).status, 1);
  // The recipient is that of the notification, not of the configuration.
  writeFileSync(join(home, 'notify.yaml'), lines('admin@example.com').join('\n'));
  const again = await notify('retry');
  assert.equal(again.status, 1, again.stderr);
  assert.equal((await list()).givenUp.length, 1);
  assert.equal(await exim.inbox(0), '');
});

test('the example of the docs is a configuration', async () => {
  const docs = readFileSync(new URL('../../../../docs/notifications.md', import.meta.url), 'utf8');
  const example = /```yaml\n(.*?)```/s.exec(docs)?.[1] ?? '';
  const { list } = configured('docs', [example]);
  assert.deepEqual(await list(), { kind: 'notify list', waiting: [], givenUp: [] });
});
