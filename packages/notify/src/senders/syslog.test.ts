import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation, type TestInstallation } from '@holdfast/wire/testing';
import { destinationSchema } from '../configuration.ts';
import { eventSchema } from '../event.ts';
import { sampleEvents } from '../testing/sample-events.ts';
import { failureOf, patience, senderContext } from '../testing/sender-fixture.ts';
import { senderFor } from './senders.ts';
import { syslogMessage } from './syslog.ts';

const folder = temporaryFolder({ after });
const caFile = join(folder, 'ca.pem');
let installation: TestInstallation;
before(async () => {
  installation = await createTestInstallation();
  writeFileSync(caFile, installation.caPem);
});

/** A real syslog server, which writes what it has understood of each message. */
async function startRsyslog(
  t: TestContext,
): Promise<{ tls: number; udp: number; seen: (count: number) => Promise<string[]> }> {
  const home = temporaryFolder(t);
  const [tls, udp] = [await freePort(), await freePort()];
  const leaf = await installation.issue({ role: 'server' });
  const file = (name: string, content = ''): string => {
    writeFileSync(join(home, name), content, { mode: 0o600 });
    return join(home, name);
  };
  // One line for each: what the header, the structured data and the text came out as.
  const template = '%pri% %hostname% %app-name% %procid% %msgid% %structured-data% |%msg%\\n';
  const configuration = file(
    'rsyslog.conf',
    `global(processInternalMessages="on" workDirectory="${home}" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="${caFile}"
  defaultNetstreamDriverCertFile="${file('cert.pem', leaf.certificatePem)}" defaultNetstreamDriverKeyFile="${file('key.pem', leaf.privateKeyPem)}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="${tls}")
input(type="imudp" address="127.0.0.1" port="${udp}")
template(name="seen" type="string" string="${template}")
action(type="omfile" file="${join(home, 'seen')}" template="seen")
`,
  );
  const child = spawn(requireProgram('rsyslogd').path, ['-n', '-f', configuration, '-i', join(home, 'pid')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.after(async () => {
    child.kill();
    await ended;
  });
  const lines = (): string[] =>
    existsSync(join(home, 'seen')) ? readFileSync(join(home, 'seen'), 'utf8').split('\n').slice(0, -1) : [];
  const ours = (): string[] => lines().filter((line) => / holdfast \d+ /.test(line));
  const until = async (holds: () => boolean): Promise<void> => {
    const endMs = Date.now() + 60_000;
    while (!holds()) {
      assert.ok(child.exitCode === null && Date.now() < endMs, `rsyslogd: ${said}\n${lines().join('\n')}`);
      await delay(20);
    }
  };
  // It tells of its own start, after it has opened its ports.
  await until(() => lines().some((line) => line.includes(' start')));
  return {
    ...{ tls, udp },
    seen: async (count) => {
      await until(() => ours().length >= count);
      return ours();
    },
  };
}

const outgoing = (event = sampleEvents['run-ended'] as Parameters<typeof syslogMessage>[0]['event']) => ({
  ...{ id: randomUUID(), event, recipient: undefined },
});
function sending(t: TestContext, settings: Record<string, unknown>, message = outgoing()): Promise<void> {
  const destination = destinationSchema.parse({ kind: 'syslog', host: 'localhost', caFile, ...settings });
  return senderFor(destination, senderContext(t)).send(message, patience());
}

/** TLS is a module of its own, and a package of its own in Debian. */
const tlsModule = globSync('/usr/lib*/{,*/}rsyslog/lmnsd_gtls.so');
const needsRsyslog =
  skipUnless({ programs: ['rsyslogd'], root: true }) ||
  (tlsModule.length === 0 && 'needs the package rsyslog-gnutls (npm run peers)');

test('a real syslog server understands what comes over TLS and as datagrams', { skip: needsRsyslog }, async (t) => {
  const server = await startRsyslog(t);
  const message = outgoing();
  await sending(t, { port: server.tls, facility: 'local3' }, message);
  const [first = ''] = await server.seen(1);
  // local3 and error: 19 * 8 + 3.
  assert.match(first, /^155 \S+ holdfast \d+ run-ended \[holdfast@32473 id="/);
  assert.ok(first.includes(`id="${message.id}" severity="error" from="server" code="storage.full"]`), first);
  assert.match(first, /\|\uFEFF?Backup homes of laptop failed: The storage is full\.$/);
  await sending(t, { port: server.udp, transport: 'udp' }, outgoing(sampleEvents.trial));
  const [, second = ''] = await server.seen(2);
  // daemon and information.
  assert.match(second, /^30 \S+ holdfast \d+ trial /);
});

test('a syslog server with a certificate of a CA that is not believed gets nothing', {
  skip: needsRsyslog,
}, async (t) => {
  const server = await startRsyslog(t);
  const refused = await failureOf(sending(t, { port: server.tls, caFile: undefined }));
  assert.equal(refused.code, 'channel.tls');
  await sending(t, { port: server.tls }, outgoing(sampleEvents.trial));
  assert.equal((await server.seen(1)).length, 1);
});

test('nothing listens for datagrams', { skip: skipUnless({ platform: 'linux' }) }, async (t) => {
  const refused = await failureOf(sending(t, { port: await freePort(), transport: 'udp' }));
  assert.equal(refused.code, 'channel.refused');
});

test('a message keeps to the form whatever names are, and to 2,048 bytes', () => {
  const trial = { ...sampleEvents.trial, from: 'a"b\\c]d\nInjected: <1>1 - - - - - - x' };
  const o = { facility: 'daemon', timeZone: 'UTC' } as const;
  const told = syslogMessage(outgoing(eventSchema.parse(trial)), o).toString();
  assert.match(told, /from="a\\"b\\\\c\\\]d Injected: <1>1 - - - - - - x"\] /);
  assert.doesNotMatch(told, /\n/);
  const event = sampleEvents['repository-check-failed'];
  const long = {
    ...event,
    problems: [{ code: 'x', message: 'ü'.repeat(1000), guidance: 'y' }],
    repository: 'ü'.repeat(253),
  };
  const bytes = syslogMessage(outgoing(eventSchema.parse(long)), o);
  assert.ok(bytes.length <= 2048 && bytes.length > 2040);
  assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes));
});
