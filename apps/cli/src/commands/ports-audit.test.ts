import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exitStatus } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { runCli, runProgram } from '../testing/run-cli.ts';

const main = new URL('../main.mjs', import.meta.url).pathname;
const needs = { skip: skipUnless({ programs: ['ip', 'nft', 'iptables'], root: true, networkNamespaces: true }) };

const topology = `
name: audit
zones:
  site: { addresses: [10.20.0.0/16] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3], roles: [agent-linux] }
`;

function topologyFile(t: TestContext): string {
  const file = join(temporaryFolder(t), 'topology.yaml');
  writeFileSync(file, topology);
  return file;
}

/** The computer store-1: a network namespace with its address. */
async function storeHost(t: TestContext): Promise<{
  run: (
    program: string,
    args: readonly string[],
    input?: string,
  ) => Promise<{ status: number | null; stdout: string; stderr: string }>;
  start: (program: string, args: readonly string[]) => Promise<void>;
}> {
  const keeper = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat']);
  t.after(() => keeper.kill());
  await once(keeper.stdout, 'readable');
  const enter = ['--net', '--target', `${keeper.pid}`];
  const setup = [
    'link set lo up',
    'link add eth0 type veth peer name far',
    'link set eth0 up',
    'link set far up',
    'address add 10.20.0.2/16 dev eth0',
  ];
  for (const line of setup) assert.equal(spawnSync('nsenter', [...enter, 'ip', ...line.split(' ')]).status, 0, line);
  return {
    run: (program, args, input) =>
      runProgram('nsenter', [...enter, program, ...args], input === undefined ? {} : { input }),
    start: async (program, args) => {
      const child = spawn('nsenter', [...enter, program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      t.after(() => child.kill());
      await once(child.stdout, 'readable');
    },
  };
}

/** Without what is said of processes elsewhere: other tests run some in namespaces of theirs meanwhile. */
function ownLines(text: string): string {
  return text.replaceAll(/^.* is in another network namespace, .*\n/gm, '');
}

test('a host is audited against the topology: as planned, and with what somebody changed', needs, async (t) => {
  const file = topologyFile(t);
  const host = await storeHost(t);
  const audit = (...options: string[]) => host.run(process.execPath, [main, 'ports', 'audit', file, ...options]);
  const rules = await runCli(['ports', 'plan', file, '--format', 'nftables', '--host', 'store-1']);
  assert.equal((await host.run('nft', ['-f', '-'], rules.stdout)).status, 0);
  const without = await audit();
  assert.equal(without.status, exitStatus.failed, without.stderr);
  assert.match(
    ownLines(without.stdout),
    /^listener-missing {2}tcp 6162\n.*\n.*holdfast mover.*\nstore-1: 1 finding\.\n$/,
  );
  // A process that is called as the mover is.
  const listen = "require('node:net').createServer().listen(6162, () => console.log('ready'))";
  await host.start(process.execPath, ['-e', listen, '/opt/apps/cli/src/main.mjs', 'mover']);
  const planned = await audit();
  assert.equal(ownLines(planned.stdout), 'store-1: sockets and firewall are as planned.\n');
  assert.equal(planned.status, exitStatus.success);

  const data = temporaryFolder(t);
  const day = (ago: number): string => new Date(Date.now() - ago * 86_400_000).toISOString();
  const counted = (channel: string, ago: number) => ({
    ...{ channel, direction: channel === 'mover-to-server' ? 'out' : 'in', peer: 'server', connections: 1 },
    ...{ openConnections: 0, receivedBytes: 1, sentBytes: 1, lastUsedAt: day(ago) },
  });
  const report = {
    process: 'mover',
    since: day(90),
    traffic: [counted('server-to-mover', 40), counted('agent-to-mover-data', 29), counted('mover-to-server', 1)],
    refusals: [],
  };
  mkdirSync(join(data, 'mover'));
  writeFileSync(join(data, 'mover', 'channel-use.json'), JSON.stringify(report));
  const idle = await audit('--unused-for', '30d', '--counts-in', data);
  assert.equal(idle.status, exitStatus.failed, idle.stderr);
  assert.match(
    ownLines(idle.stdout),
    /^opening-unused {2}tcp 6162 from backup-1\n {4}No connection along server-to-mover for 30 days: the last one was at .*\n.*\nstore-1: 1 finding\.\ntcp 6162 from web-1: not used, which is no reason to close it/,
  );
  const unknown = await audit('--unused-for', '30d', '--counts-in', temporaryFolder(t));
  assert.equal(unknown.status, exitStatus.success, unknown.stdout);
  assert.match(unknown.stdout, /no counts of the mover were found here/);
  const young = await audit('--unused-for', '91d', '--counts-in', data);
  assert.equal(young.status, exitStatus.success, young.stdout);
  assert.match(young.stdout, /tcp 6162 from web-1: not used yet, but counting began at/);

  const change =
    'add rule inet holdfast input tcp dport 8080 accept\nadd rule inet holdfast input udp dport 161 accept';
  assert.equal((await host.run('nft', ['-f', '-'], change)).status, 0);
  const drop = ['-A', 'INPUT', '-s', '10.20.0.3', '-p', 'tcp', '-m', 'multiport', '--dports', '6162', '-j', 'DROP'];
  assert.equal((await host.run('iptables', drop)).status, 0);
  const changed = await audit('--json', '--host', 'store-1');
  assert.equal(changed.status, exitStatus.failed);
  const { kind, findings } = JSON.parse(changed.stdout) as {
    kind: string;
    findings: { kind: string; subject: string; message: string; advice: string }[];
  };
  assert.equal(kind, 'ports-audit');
  assert.deepEqual(
    findings.map((one) => one.kind),
    ['opening-missing', 'rule-unknown', 'rule-unknown'],
  );
  assert.match(
    findings[0]?.message ?? '',
    /tcp 6162 from 10\.20\.0\.3 would be dropped by table ip filter, chain INPUT, rule 1/,
  );
  assert.match(findings[2]?.message ?? '', /udp 161 from/);
});

test('counts without a time to ask for are an error of usage', async (t) => {
  const file = topologyFile(t);
  const wrong = await runCli(['ports', 'audit', file, '--counts-in', '/nowhere']);
  assert.equal(wrong.status, exitStatus.usage);
  assert.match(wrong.stderr, /--counts-in is for --unused-for/);
  assert.equal((await runCli(['ports', 'audit', file, '--unused-for', 'long'])).status, exitStatus.usage);
});

test('a computer that the topology does not know, or a wrong name, is an error of usage', async (t) => {
  const file = topologyFile(t);
  const wrong = await runCli(['ports', 'audit', file, '--host', 'store-9']);
  assert.equal(wrong.status, exitStatus.usage);
  assert.match(wrong.stderr, /store-9 is no host of this topology/);
  const unknown = await runCli(['ports', 'audit', file]);
  assert.equal(unknown.status, exitStatus.usage);
  assert.match(unknown.stderr, /No host of the topology has an address of this computer/);
});
