import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { LabNetwork, placesOf } from '@holdfast/lab';
import { mailPassword, mailUser, startExim } from '@holdfast/notify/testing';
import { createTestInstallation } from '@holdfast/wire/testing';
import { holdfastProgram, labNeeds } from './lab-needs.ts';
import { loadPlannedRules } from './planned-rules.ts';

/** A computer without a server that mails its reports, behind exactly the planned rules. */

const plan = planTopology(
  parseTopology(`name: notify
zones:
  centre: { addresses: [10.1.0.0/16] }
hosts:
  laptop: { zone: centre, addresses: [10.1.0.21], roles: [agent-linux] }
neighbours:
  mail: { addresses: [10.1.0.25], roles: [smtp-server] }
features: { stand-alone-agents: true }
`),
);
const mailPlace = { name: 'mail', zone: 'centre', addresses: ['10.1.0.25'] };

test('a computer without a server mails its reports', {
  skip: labNeeds || skipUnless({ programs: ['exim4'] }),
}, async (t) => {
  const network = LabNetwork.build([...placesOf(plan), mailPlace], {
    folder: temporaryFolder(t),
    program: holdfastProgram,
  });
  t.after(() => network[Symbol.asyncDispose]());
  const [laptop, mail] = [network.host('laptop'), network.host('mail')];
  await loadPlannedRules(network, plan);

  const etc = join('/etc/netns', laptop.namespace.name);
  mkdirSync(etc, { recursive: true });
  t.after(() => rmSync(etc, { recursive: true, force: true }));
  writeFileSync(join(etc, 'hosts'), '127.0.0.1 localhost\n10.1.0.25 mail.example.com\n');
  const installation = await createTestInstallation();
  const exim = await startExim({
    address: mail.address,
    ports: [25, 587],
    tls: await installation.issue({ role: 'server', hostName: 'mail.example.com' }),
    start: (program, args) => mail.namespace.spawn(program, args),
  });
  t.after(() => exim[Symbol.asyncDispose]());

  const file = (name: string, content: string): string => {
    writeFileSync(join(laptop.folder, name), content);
    return join(laptop.folder, name);
  };
  const [caFile, passwordFile] = [file('ca.pem', installation.caPem), file('mail-password', mailPassword)];
  const common = `kind: smtp, host: mail.example.com, caFile: ${caFile}, from: laptop@example.com`;
  const config = file(
    'notify.yaml',
    `destinations:
  relay: {${common}, to: [relayed@example.com]}
  submission: {${common}, user: ${mailUser}, passwordFile: ${passwordFile}, to: [submitted@example.com]}
rules:
  - {atLeast: information, send: [relay, submission]}
`,
  );
  const repository = ['--repo', join(laptop.folder, 'repository'), '-p', file('password', 'of the repository')];
  const told = ['--notify', config, '--notify-data', join(laptop.folder, 'notify')];
  await laptop.succeed(['init', ...repository]);
  const backup = () => laptop.holdfast(['backup', ...repository, ...told, config]);

  await t.test('a Linux agent that works without a server mails the end of a backup on ports 25 and 587', async () => {
    const ended = await backup();
    assert.equal(ended.status, 0, ended.stderr);
    const inbox = await exim.inbox(2);
    for (const recipient of ['relayed', 'submitted']) assert.match(inbox, new RegExp(`^To: ${recipient}@example`, 'm'));
    assert.match(exim.log(), /<= laptop@example\.com .*I=\[10\.1\.0\.25\]:25 .*X=TLS1\.3/);
    assert.match(exim.log(), /<= laptop@example\.com .*I=\[10\.1\.0\.25\]:587 .*X=TLS1\.3.* A=plain:backup/);
  });

  await t.test('with the opening closed the backup is none the worse, and the error names the channel', async () => {
    const without = plan.flows.filter(({ channels }) => !channels.includes('posix-agent-to-smtp'));
    assert.equal(without.length, plan.flows.length - 1);
    await loadPlannedRules(network, { ...plan, flows: without });
    const ended = await backup();
    assert.equal(ended.status, 0, ended.stderr);
    assert.match(
      ended.stderr,
      /relayed@example\.com is tried again .* Channel posix-agent-to-smtp from agent-linux on /,
    );
    const listed = await laptop.succeed([
      'notify',
      'list',
      '--config',
      config,
      '--notify-data',
      told[3] ?? '',
      '--json',
    ]);
    const { waiting } = JSON.parse(listed) as { waiting: { lastError: { code: string } }[] };
    // Rules that drop are timed out, rules that reject are unreachable or refused.
    assert.deepEqual(
      waiting.map(({ lastError }) => lastError.code.replace(/\..*/, '')),
      ['channel', 'channel'],
    );
  });
});
