import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { exitStatus } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { runCli } from '../testing/run-cli.ts';

const example = new URL('../../../../docs/examples/topology.yaml', import.meta.url).pathname;
const plan = (...args: string[]) => runCli(['ports', 'plan', example, ...args]);

test('the plan of a topology: a table for people, JSON for programs', async () => {
  const shown = await plan();
  assert.equal(shown.status, exitStatus.success, shown.stderr);
  assert.match(
    shown.stdout,
    /^web-1, files-1 +store-1, gate-1 +tcp 2500-3300 +agent-to-mover-data +only during sessions$/m,
  );
  assert.match(shown.stdout, /^admin .* tcp 22 +administrators look after the computers +not Holdfast's$/m);
  assert.match(shown.stdout, /18 openings/);
  assert.match(shown.stdout, /posix-agent-control takes its place/);
  const { status, stdout } = await plan('--json');
  assert.equal(status, exitStatus.success);
  const { kind, flows, hosts } = JSON.parse(stdout) as {
    kind: string;
    flows: { id: string; from: string[]; channels: string[] }[];
    hosts: { name: string; seenAs?: string[] }[];
  };
  assert.equal(kind, 'plan');
  assert.deepEqual(flows[0]?.channels, ['windows-agent-service']);
  assert.deepEqual(hosts.find(({ name }) => name === 'laptop-3')?.seenAs, ['203.0.113.7']);
});

test('one opening explained; one closed', async () => {
  const why = await plan('--why', 'store-1:6162');
  assert.equal(why.status, exitStatus.success);
  assert.match(why.stdout, /tcp 6162 on store-1 is open to web-1, files-1:\n {2}agent-to-mover-transport\n/);
  assert.match(why.stdout, /Row agent-to-repository\.transport:/);
  assert.doesNotMatch(why.stdout, /Row agent-to-gateway/);
  const nothing = await plan('--why', 'store-1:9380');
  assert.equal(nothing.status, exitStatus.failed);
  assert.match(nothing.stdout, /Nothing opens store-1:9380\./);
  const closed = await plan('--what-if', 'close=store-1:2500-3300');
  assert.match(closed.stdout, /agent-to-mover-data +nothing +full-speed-data +agent-to-mover-transport/);
  assert.match(closed.stdout, /^full-speed-data: data runs over connections of its own/m);
  const ssh = await plan('--what-if', 'close=store-1:22');
  assert.match(ssh.stdout, /^Not Holdfast's, but asked for from admin: administrators look after/);
  const typo = await plan('--why', 'stor-1:6162');
  assert.equal(typo.status, exitStatus.usage);
  assert.match(typo.stderr, /Did you mean store-1\?/);
});

test('two topologies compared, and three ways of dialling', async (t) => {
  const old = join(temporaryFolder(t), 'old.yaml');
  writeFileSync(old, readFileSync(example, 'utf8').replace('roles: [agent-windows]', 'roles: [agent-linux]'));
  const diff = await plan('--diff', old);
  assert.match(diff.stdout, /^\+ backup-1 -> files-1 {2}tcp 6184-6194 {2}windows-agent-service$/m);
  assert.match(diff.stdout, /^- backup-1 -> files-1 {2}tcp 6162 {2}server-to-agent-transport, server-to-mover$/m);
  const dial = await plan('--dial', 'compare');
  assert.match(dial.stdout, /^classic \(chosen\) +18 /m);
  assert.match(dial.stdout, /^single-port .* full-speed-data$/m);
  const both = await plan('--dial', 'compare', '--why', 'store-1:1');
  assert.equal(both.status, exitStatus.usage);
});

test('rules are written to a folder; what is wider than planned is named, and the status says so', async (t) => {
  const out = join(temporaryFolder(t), 'rules');
  const rules = await plan('--format', 'nftables', '--out', out);
  assert.equal(rules.stderr, '');
  assert.equal(rules.status, exitStatus.success);
  assert.deepEqual(readdirSync(out).slice(0, 2), ['backup-1.nft', 'db-2.nft']);
  assert.ok(existsSync(join(out, 'removal')));
  const one = await plan('--format', 'nftables', '--host', 'web-1');
  assert.match(one.stdout, /table inet holdfast/);
  const several = await plan('--format', 'nftables');
  assert.equal(several.status, exitStatus.usage);
  // Amazon's names can't be written into rules for addresses.
  const wider = ['--format', 'nftables', '--include-planned', '--host', 'gate-1'];
  const named = await plan(...wider);
  assert.equal(named.status, exitStatus.incomplete);
  assert.match(named.stderr, /^Wider than planned: .*bucket/m);
  assert.equal((await plan(...wider, '--accept-widening')).status, exitStatus.success);
  const unknown = await plan('--format', 'nftable');
  assert.equal(unknown.status, exitStatus.usage);
  assert.match(unknown.stderr, /Formats: nftables, /);
});

test('an earlier rendering is never replaced, and other files stand beside a new one', async (t) => {
  const out = temporaryFolder(t);
  writeFileSync(join(out, 'README'), '');
  assert.equal((await plan('--format', 'nftables', '--host', 'web-1', '--out', out)).status, exitStatus.success);
  const names = (): string[] => readdirSync(out, { recursive: true, encoding: 'utf8' }).toSorted();
  assert.deepEqual(names(), ['README', 'removal', 'removal/web-1.nft', 'web-1.nft']);
  for (const host of ['web-1', 'store-1']) {
    const again = await plan('--format', 'nftables', '--host', host, '--out', out);
    assert.equal(again.status, exitStatus.usage);
    assert.match(again.stderr, /has (removal|web-1\.nft) already; nothing was written/);
  }
  const file = await plan('--format', 'nftables', '--out', join(out, 'README'));
  assert.equal(file.status, exitStatus.usage);
  assert.match(file.stderr, /README can't be written: EEXIST\./);
  for (const format of ['change-request-csv', 'change-request-markdown'])
    assert.equal((await plan('--format', format, '--out', out)).status, exitStatus.success);
  assert.equal((await plan('--format', 'change-request-csv', '--out', out)).status, exitStatus.usage);
});

test('an option that changes nothing is refused', async () => {
  const unfit: readonly (readonly string[])[] = [
    ['--leases'],
    ['--host', 'web-1'],
    ['--otherwise', 'leave'],
    ['--format', 'cisco-ios', '--host', 'web-1'],
    ['--format', 'cisco-ios', '--zone', 'berlin'],
    ['--format', 'terraform-google', '--expires', '2027-06-30'],
    ['--format', 'diagram-mermaid', '--leases', '--otherwise', 'leave'],
  ];
  for (const args of unfit) {
    const { status, stdout, stderr } = await plan(...args);
    assert.equal(status, exitStatus.usage, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /needs --format|can't be used with it/);
  }
  assert.equal((await plan('--format', 'terraform-google', '--zone', 'berlin')).status, exitStatus.success);
});

test('a wrong topology gives an error with its place, and nothing else', async (t) => {
  const file = join(temporaryFolder(t), 'wrong.yaml');
  writeFileSync(file, readFileSync(example, 'utf8').replace('agent-windows', 'agent-window'));
  const { status, stdout, stderr } = await runCli([
    'ports',
    'plan',
    file,
    '--format',
    'nftables',
    '--out',
    join(file, '..', 'out'),
  ]);
  assert.equal(status, exitStatus.usage);
  assert.equal(stdout, '');
  assert.match(stderr, /wrong\.yaml:41:13: "agent-window" is not a known role\. Did you mean agent-windows\?/);
  assert.deepEqual(readdirSync(join(file, '..')), ['wrong.yaml']);
});

test('a topology from questions: what is wrong is asked again', async (t) => {
  const file = join(temporaryFolder(t), 'new.yaml');
  const answers = [
    'site',
    ...['lan', '10.1.0.0/16', ''],
    '',
    ...['srv', '10.1.0.10', 'backup-sever'],
    ...['srv', '10.1.0.10', 'backup-server'],
    ...['store', '10.1.0.11 2001:db8::11', 'repository-linux'],
    '',
    ...['dns', 'dns-server', '10.1.0.53'],
    ...['mail', 'smtp-server', 'mail.example.com'],
    '',
  ];
  const made = await runCli(['ports', 'init', file], { input: `${answers.join('\n')}\n` });
  assert.equal(made.status, exitStatus.success, made.stderr);
  assert.match(made.stderr, /"backup-sever" is not a known role\. Did you mean backup-server\?/);
  const planned = await runCli(['ports', 'plan', file]);
  assert.match(planned.stdout, /^srv +store +tcp 6162 +server-to-mover/m);
  const again = await runCli(['ports', 'init', file], { input: `${answers.join('\n')}\n` });
  assert.equal(again.status, exitStatus.usage);
  assert.match(again.stderr, /exists already/);
  const short = await runCli(['ports', 'init', `${file}.2`], { input: 'site\n' });
  assert.equal(short.status, exitStatus.usage);
  assert.ok(!existsSync(`${file}.2`));
});
