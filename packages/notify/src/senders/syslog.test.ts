import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { freePort, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation, type TestInstallation } from '@holdfast/wire/testing';
import { destinationSchema } from '../configuration.ts';
import { eventSchema } from '../event.ts';
import { rsyslogMissing, startRsyslog } from '../testing/rsyslog.ts';
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

const outgoing = (event = sampleEvents['run-ended'] as Parameters<typeof syslogMessage>[0]['event']) => ({
  ...{ id: randomUUID(), event, recipient: undefined },
});
function sending(t: TestContext, settings: Record<string, unknown>, message = outgoing()): Promise<void> {
  const destination = destinationSchema.parse({ kind: 'syslog', host: 'localhost', caFile, ...settings });
  return senderFor(destination, senderContext(t)).send(message, patience());
}

const needsRsyslog = rsyslogMissing();

test('a real syslog server understands what comes over TLS and as datagrams', { skip: needsRsyslog }, async (t) => {
  const server = await startRsyslog(t, installation);
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
  const server = await startRsyslog(t, installation);
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
