import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestServer } from '@holdfast/server/testing';
import { blockOf, documented, wordsOf } from '../testing/documented-commands.ts';
import { type CliResult, runCli, runProgram } from '../testing/run-cli.ts';

/** The commands of the pages, as they stand there and in their order, against a server that has what they name. */

const worker = new URL('../testing/commands-worker.ts', import.meta.url).pathname;
const names = { mover: ['store'], agent: ['web1', 'anna'] } as const;

describe('the commands of the documentation', () => {
  const folder = temporaryFolder({ after });
  const place = { cwd: folder, env: { HOLDFAST_DATA: folder, INIT_CWD: folder } };
  const ids: Record<string, string> = {};
  let server: TestServer;
  const work = (commands: readonly (readonly string[])[]): Promise<CliResult> =>
    runProgram(process.execPath, [worker, JSON.stringify(commands)], place);
  async function run(commands: readonly (readonly string[])[]): Promise<void> {
    const { status, stderr, stdout } = await work(commands);
    assert.equal(status, 0, `${stderr}${stdout}`);
  }

  before(async () => {
    server = await TestServer.start(folder);
    const { running, client } = server;
    for (const group of ['servers', 'laptops']) await client.call('createGroup', { body: { name: group } });
    for (const role of ['mover', 'agent'] as const)
      for (const name of names[role]) {
        const { answer } = await server.join(role, { group: name === 'anna' ? 'laptops' : 'servers' });
        await server.alterDatabase(`update "computers" set "hostname" = '${name}' where "id" = '${answer.id}'`);
        ids[name] = answer.id;
      }
    await server.alterDatabase(
      `insert into "repositories" ("tenant", "id", "name", "groupName", "moverId", "location", "sealedPassword", "createdAt")
       values ('local', '${crypto.randomUUID()}', 'laptops', 'default', '${ids['store']}', '/srv', '', '2026-01-01T00:00:00.000Z')`,
    );
    const address = { host: '127.0.0.1', port: running.portOf('client-to-server') };
    const files = { caFile: running.caFile, tokenFile: running.tokenFile };
    writeFileSync(join(folder, 'connection.json'), JSON.stringify({ ...address, ...files }));
  });
  after(() => server[Symbol.asyncDispose]());

  test('docs/inventory.md', async () => {
    const lines = documented('inventory.md');
    const [list = assert.fail('it makes no list'), ...more] = lines.filter((line) => line.startsWith('printf '));
    assert.deepEqual(more, []);
    assert.equal((await runProgram('sh', ['-c', list], place)).status, 0);
    const commands = lines.filter((line) => line.startsWith('holdfast ')).map((line) => wordsOf(line).slice(1));
    assert.ok(commands.length >= 13, `${commands.length} commands`);
    await run(commands);
    assert.equal((await server.client.call('group', { params: { id: 'web' } })).rescanAt, '06:30');
  });

  test('docs/jobs.md', async () => {
    const { client } = server;
    const lines = documented('jobs.md').filter((line) => line.startsWith('holdfast '));
    assert.ok(lines.length >= 13, `${lines.length} commands`);
    // No agent is there to end a run: nobody waits for it. What needs the id of a session comes when there is one.
    const commandOf = (line: string): string[] => {
      const words = wordsOf(line).slice(1);
      return [...words.filter((word) => word !== '--follow'), ...(words[1] === 'run' ? ['--detach'] : [])];
    };
    const isAboutOne = (line: string): boolean => /^holdfast session (show|stop|retry) /.test(line);
    await client.call('createJob', {
      body: {
        ...{ name: 'databases', computers: [ids['web1'] ?? ''] },
        scope: { kind: 'folders', paths: ['/var'] },
        target: { kind: 'own', moverId: ids['store'] ?? '' },
      },
    });
    await run(lines.filter((line) => !isAboutOne(line)).map(commandOf));
    const job = (await client.list('jobs', {})).find(({ name }) => name === 'servers') ?? assert.fail();
    assert.deepEqual(job.schedule, {
      ...{ kind: 'weekly', at: '21:00' },
      days: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
    });
    const [session = assert.fail('it has not run')] = await client.list('sessions', { query: { jobId: job.id } });
    const about = lines.filter(isAboutOne).map((line) => commandOf(line.replace('6f1c2a34', session.id)));
    assert.deepEqual(
      about.map(([, command]) => command),
      ['show', 'stop', 'retry'],
    );
    // What goes on is not tried again: the last one may be refused for that, and for nothing else.
    const { status, stderr } = await work(about);
    assert.ok(status === 0 || /has not ended yet[\s\S]*failed: session retry/.test(stderr), stderr);
  });

  test('docs/observability.md', async () => {
    const lines = documented('observability.md');
    const { client } = server;
    const [latest = assert.fail('nothing has run')] = (await client.call('runs', {})).runs;
    const asThere = (line: string): string[] =>
      wordsOf(line.replace('6f1c2a34', latest.sessionId ?? '').replace('1d90aa77', latest.id)).filter(
        // No agent is there to end it: what follows it would not end.
        (word) => word !== '--follow',
      );
    const commands = lines.filter((line) => line.startsWith('holdfast ')).map((line) => asThere(line).slice(1));
    assert.ok(commands.length >= 8, `${commands.length} commands`);
    // No mover is there, either, so that its status is 1.
    assert.deepEqual(commands.shift(), ['health']);
    // What was looked at a moment ago, before there was a mover, is told for some seconds.
    const health = async (): Promise<string> => (await runCli(['health'], place)).stdout;
    let said = await health();
    for (let looks = 0; looks < 60 && /^movers +ok/m.test(said); looks += 1) {
      await delay(500);
      said = await health();
    }
    assert.match(said, /^movers +failed/m);
    await run(commands);
    const unpack = lines.find((line) => line.startsWith('tar ')) ?? assert.fail('nobody looks into the bundle');
    const manifest = await runProgram('sh', ['-c', unpack], place);
    assert.equal((JSON.parse(manifest.stdout) as { kind: string }).kind, 'support-bundle', manifest.stderr);
    assert.equal(statSync(join(folder, 'bundle.tar.gz')).mode & 0o777, 0o600);
    const local = lines.find((line) => line.startsWith('sudo holdfast ')) ?? assert.fail('none of one computer');
    const asked = wordsOf(local).slice(2);
    assert.deepEqual(asked, ['support-bundle', '--local', '--agent-config', '/etc/holdfast/agent.yaml']);
    await run([[...asked, '--out', 'local.tar.gz']]);
    const listed = await runProgram('tar', ['-tzf', 'local.tar.gz'], place);
    assert.match(listed.stdout, /^server\/configuration\.json$/m);
  });

  test('docs/apply.md', async () => {
    const [first = '', ...more] = documented('apply.md');
    assert.equal(first, 'holdfast export > fleet.yaml');
    const exported = await runCli(['export'], place);
    writeFileSync(join(folder, 'fleet.yaml'), exported.stdout);
    await run(more.map((line) => wordsOf(line).slice(1)));
    const jobs = await server.client.list('jobs', {});
    assert.deepEqual(jobs.map(({ name, managedBy }) => `${name} of ${managedBy}`).toSorted(), [
      'databases of fleet',
      'homes of fleet',
      'servers of fleet',
    ]);
  });

  test('docs/notifications.md', async () => {
    // What the page names is below the test's folder, and its servers are ports of this computer that nobody listens on.
    const here = (text: string): string =>
      text
        .replaceAll(/\/(etc\/holdfast|srv\/backup|home\b)/g, `${folder}/$1`)
        .replaceAll(/(mail|hooks|log)\.example\.com/g, '127.0.0.1');
    const [etc, home, backup] = ['/etc/holdfast', '/home', '/srv/backup'].map(here) as [string, string, string];
    for (const made of [etc, home]) mkdirSync(made, { recursive: true });
    writeFileSync(join(home, 'letter'), 'dear Ada');
    writeFileSync(join(etc, 'mail-password'), 'secret');
    const secret = documented('notifications.md', '`echo ').find((line) => line.includes('openssl')) ?? assert.fail();
    const made = await runProgram('sh', ['-c', `echo ${secret.replace(/`.*/, '')}`]);
    writeFileSync(join(etc, 'webhook-secret'), made.stdout);
    for (const file of [join(folder, 'notify.yaml'), join(etc, 'notify.yaml')])
      writeFileSync(file, here(blockOf('notifications.md', 'yaml')));
    const env = { ...place.env, RESTIC_PASSWORD: 'secret' };
    const perform = (words: readonly string[]) => runCli(words, { ...place, env });
    assert.equal((await perform(['init', '--repo', backup])).status, 0);
    const commands = documented('notifications.md').map((line) => wordsOf(here(line)).slice(1));
    assert.equal(commands.length, 10);
    for (const words of commands) {
      // As a service it would stay.
      const { status, stdout, stderr } = await perform(words.filter((word) => word !== '--stay'));
      const isTrial = words[1] === 'test';
      assert.equal(status, isTrial ? 1 : 0, `${words.join(' ')}\n${stdout}${stderr}`);
      if (isTrial)
        for (const to of ['ada@example.com', 'admins@example.com', 'chat', 'log'])
          assert.match(stderr, new RegExp(`${to}.*: not sent`));
      if (words[0] === 'backup') assert.match(stderr, /is tried again at /);
    }
    const { settings } = await server.client.call('notificationSettings', {});
    assert.deepEqual(Object.keys(settings?.destinations ?? {}), ['office', 'chat', 'log']);
  });
});
