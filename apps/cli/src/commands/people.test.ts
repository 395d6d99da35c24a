import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { type RunningServer, startServer } from '@holdfast/server';
import { pino } from 'pino';
import { type CliResult, jsonLines, jsonResult, runCli } from '../testing/run-cli.ts';

/** Accounts, sessions, API tokens, approvals and the audit, as people use them. */

describe('people and their rights', () => {
  const folder = temporaryFolder({ after });
  let server: RunningServer;

  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  /** Each person has a data directory; that of `root` knows the server and its token. */
  const as = (who: string, command: string, ...args: string[]): Promise<CliResult> =>
    runCli([...command.split(' '), ...args], { env: { HOLDFAST_DATA: join(folder, who) } });
  async function answer<Form>(who: string, command: string, ...args: string[]): Promise<Form> {
    const { status, stdout, stderr } = await as(who, command, ...args, '--json');
    assert.equal(status, 0, `${command} ${args.join(' ')}: ${stderr}${stdout}`);
    return jsonResult<Form>(stdout);
  }
  async function refused(code: string, who: string, command: string, ...args: string[]): Promise<string> {
    const { status, stdout } = await as(who, command, ...args, '--json');
    assert.notEqual(status, 0, `${command} was done`);
    const { error } = jsonResult<{ error: { code: string; message: string } }>(stdout);
    assert.equal(error.code, code, error.message);
    return error.message;
  }
  const newPassword = (name: string): string => `new password of ${name}!`;
  async function joinAs(name: string, firstPassword: string): Promise<void> {
    await answer(
      name,
      ...([
        `login --user ${name} --server 127.0.0.1:${server.portOf('client-to-server')}`,
        '--cacert',
        server.caFile,
      ] as const),
      ...['--password-file', file(`${name}.first`, `${firstPassword}\n`)],
      ...['--new-password-file', file(`${name}.new`, `${newPassword(name)}\n`)],
    );
  }

  const joinAgain = (name: string) =>
    answer(
      name,
      `login --user ${name} --server 127.0.0.1:${server.portOf('client-to-server')} --cacert`,
      ...[server.caFile, '--password-file', file(`${name}.again`, `${newPassword(name)}\n`)],
    );

  before(async () => {
    server = await startServer({
      dataDir: join(folder, 'server'),
      config: {
        bind: '127.0.0.1',
        ports: {
          'client-to-server': 0,
          'windows-agent-control': 0,
          'posix-agent-control': 0,
          'recovery-media-credential-sign-in': 0,
        },
      },
      logger: pino({ level: 'silent' }),
    });
    mkdirSync(join(folder, 'root'));
    const { caFile, tokenFile } = server;
    const connection = { host: '127.0.0.1', port: server.portOf('client-to-server'), caFile, tokenFile };
    writeFileSync(join(folder, 'root', 'connection.json'), JSON.stringify(connection));
  });
  after(() => server[Symbol.asyncDispose]());

  test('the first account, sign-in with a change of password, a second administrator, approval, audit, sign-out', async () => {
    const { password } = await answer<{ password: string }>('root', 'users create alice --role administrator');
    await refused('usage.option', 'alice', 'account show');
    await joinAs('alice', password);
    const session = join(folder, 'alice', 'session.json');
    if (process.platform !== 'win32') assert.equal(statSync(session).mode & 0o777, 0o600);
    const { user } = await answer<{ user: { name: string; role: string } }>('alice', 'account show');
    assert.deepEqual([user.name, user.role], ['alice', 'administrator']);
    await refused(
      'auth.sign-in',
      'alice',
      'login --user alice --password-file',
      file('wrong', 'wrong wrong wrong'),
      '--server',
      `127.0.0.1:${server.portOf('client-to-server')}`,
      '--cacert',
      server.caFile,
    );

    const bob = await answer<{ password: string }>('alice', 'users create bob --role administrator');
    await joinAs('bob', bob.password);
    const asked = await as('alice', 'users create carol --role administrator');
    assert.equal(asked.status, 3, asked.stderr);
    const [id = ''] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(asked.stderr) ?? [];
    const [, ofCarol = ''] = /First password of carol, .*: (\S+)\n/.exec(asked.stdout) ?? [];
    await refused('auth.forbidden', 'alice', 'approvals approve', id);
    assert.match(
      (await as('bob', 'approvals list')).stdout,
      /createUser +name=carol role=administrator +user\/alice +waiting/,
    );
    await answer('bob', 'approvals approve', id);
    await refused('approval.closed', 'bob', 'approvals reject', id);
    assert.match((await as('bob', 'users list')).stdout, /carol +carol +administrator +all +first password/);
    await joinAs('carol', ofCarol);
    await answer('bob', 'users create dave --role backup-operator --groups laptops');
    await answer('bob', 'users update dave --role auditor --all-groups');
    await answer('bob', 'users delete dave');

    const out = join(folder, 'reports.token');
    await answer('alice', 'api-token create reports --role auditor --days 7 --out', out);
    const place = ['--server', `127.0.0.1:${server.portOf('client-to-server')}`, '--cacert', server.caFile];
    await answer('nobody', 'computers list --token-file', out, ...place);
    await refused('auth.forbidden', 'nobody', 'users list --token-file', out, ...place);
    const { access } = await answer<{ access: { id: string; name: string }[] }>('alice', 'api-token list');
    await answer('alice', 'api-token revoke', access[0]?.id ?? '');
    await refused('auth.required', 'nobody', 'computers list --token-file', out, ...place);

    // Whoever signs in again ends the session whose token the file had.
    const { token } = JSON.parse(readFileSync(session, 'utf8')) as { token: string };
    await joinAgain('alice');
    await refused('auth.required', 'nobody', 'computers list --token-file', file('earlier', token), ...place);
    await answer('alice', 'logout');
    await refused('usage.option', 'alice', 'account show');
    const saved = JSON.parse(readFileSync(join(folder, 'bob', 'session.json'), 'utf8')) as { token: string };
    assert.match(saved.token, /^hfs_/);
  });

  test('the audit is listed, exported and verified, with and without the server', async () => {
    const listed = await as('root', 'audit --limit 5 --outcome refused');
    assert.equal(listed.status, 0, listed.stderr);
    assert.match(listed.stdout, /refused/);
    const { head, records } = await answer<{ head: { number: number; hash: string }; records: number }>(
      'root',
      'audit verify',
    );
    assert.equal(head.number, records);
    const { stdout } = await as('root', 'audit export');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, records);
    const exported = file('audit.jsonl', stdout);
    const expect = `${head.number}:${head.hash}`;
    await answer('nobody', 'audit verify', exported, '--expect', expect);
    assert.match(
      await refused(
        'audit.broken',
        'nobody',
        'audit verify',
        file('cut.jsonl', `${lines.slice(0, -1).join('\n')}\n`),
        '--expect',
        expect,
      ),
      /does not lead through/,
    );
    await refused('usage.option', 'nobody', 'audit verify', exported, '--expect', `0:${'0'.repeat(64)}`);
    await refused(
      'audit.broken',
      'nobody',
      'audit verify',
      file('less.jsonl', `${lines.toSpliced(2, 1).join('\n')}\n`),
    );
    const changed = stdout.replace('"subject":"', '"subject":"x');
    await refused('audit.broken', 'nobody', 'audit verify', file('changed.jsonl', changed));
    const csv = (await as('root', 'audit export --format csv --action createUser')).stdout.trimEnd().split('\n');
    assert.match(csv[0] ?? '', /^number,at,actor,action/);
    assert.ok(csv.length > 3 && csv.slice(1).every((line) => line.includes(',createUser,')));
    assert.deepEqual(jsonLines(stdout).length, records);
  });
});
