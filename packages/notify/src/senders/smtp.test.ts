import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { freePort, freeRange, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation, type TestLeaf } from '@holdfast/wire/testing';
import { destinationSchema } from '../configuration.ts';
import type { NotificationEvent } from '../event.ts';
import { type Exim, type EximOptions, mailPassword, mailUser, startExim } from '../testing/exim.ts';
import { sampleEvents } from '../testing/sample-events.ts';
import { failureOf, patience, senderContext } from '../testing/sender-fixture.ts';
import { senderFor } from './senders.ts';

const needsExim = skipUnless({ programs: ['exim4'], root: true });
const folder = temporaryFolder({ after });
const [caFile, passwordFile, wrongPasswordFile] = ['ca.pem', 'password', 'wrong-password'].map((name) =>
  join(folder, name),
) as [string, string, string];
let certificate: TestLeaf;
let ofAnother: TestLeaf;

before(async () => {
  const installation = await createTestInstallation();
  certificate = await installation.issue({ role: 'server' });
  ofAnother = await installation.issue({ role: 'server', hostName: 'other.example.com' });
  writeFileSync(caFile, installation.caPem);
  writeFileSync(passwordFile, `${mailPassword}\n`);
  writeFileSync(wrongPasswordFile, 'wrong\n');
});

async function mailServer(t: TestContext, o: Partial<EximOptions> = {}): Promise<{ exim: Exim; port: number }> {
  const port = await freePort();
  const exim = await startExim({ address: '127.0.0.1', ports: [port], tls: certificate, ...o });
  t.after(() => exim[Symbol.asyncDispose]());
  return { exim, port };
}

function sending(
  t: TestContext,
  port: number,
  o: Record<string, unknown> & { recipient?: string; event?: NotificationEvent } = {},
): Promise<void> {
  const { recipient = 'admin@example.com', event = sampleEvents['run-ended'], ...settings } = o;
  const addresses = { from: 'holdfast@example.com', to: [recipient] };
  const destination = destinationSchema.parse({
    ...{ kind: 'smtp', host: 'localhost', port, caFile, ...addresses, ...settings },
  });
  const outgoing = { id: randomUUID(), event, recipient };
  return senderFor(destination, senderContext(t)).send(outgoing, patience());
}

test('a mail goes through a real mail server, encrypted and signed in', { skip: needsExim }, async (t) => {
  const { exim, port } = await mailServer(t, { authRequired: true });
  await sending(t, port, { user: mailUser, passwordFile });
  const mail = await exim.inbox(1);
  assert.match(mail, /^To: admin@example\.com\r?$/m);
  assert.match(mail, /^From: Holdfast <holdfast@example\.com>\r?$/m);
  assert.match(mail, /^Subject: Error: Backup homes of laptop failed \(Holdfast\)\r?$/m);
  assert.match(mail, /^Auto-Submitted: auto-generated\r?$/m);
  assert.match(mail, /The storage is full\./);
  assert.match(exim.log(), /P=esmtpsa X=TLS1\.3/);
  // The conversation was ended in the proper way.
  assert.doesNotMatch(exim.log(), /unexpected disconnection|connection lost/i);
});

test('what a mail server says no to', { skip: needsExim }, async (t) => {
  const { exim, port } = await mailServer(t, { authRequired: true });
  const user = { user: mailUser, passwordFile };

  const denied = await failureOf(sending(t, port, { user: mailUser, passwordFile: wrongPasswordFile }));
  assert.equal(denied.code, 'notify.sign-in');
  assert.match(denied.message, /did not accept the user backup/);
  assert.doesNotMatch(JSON.stringify(denied), /wrong\b/);

  const unsigned = await failureOf(sending(t, port));
  assert.equal(unsigned.code, 'notify.refused');
  assert.match(unsigned.message, /refuses the recipient admin@example\.com.*sign in first/);

  const unknown = await failureOf(sending(t, port, { ...user, recipient: 'nobody@example.com' }));
  assert.equal(unknown.code, 'notify.refused');
  assert.match(unknown.message, /no such user here/);

  const put = await failureOf(sending(t, port, { ...user, recipient: 'greylisted@example.com' }));
  assert.equal(put.code, 'notify.deferred');
  assert.match(put.message, /puts off the recipient greylisted@example\.com.*try again later/);

  assert.equal(await exim.inbox(0), '');
  exim.endGreylisting();
  await sending(t, port, { ...user, recipient: 'greylisted@example.com', event: sampleEvents.trial });
  assert.match(await exim.inbox(1), /Trial message/);
});

test('a mail larger than the server takes is refused', { skip: needsExim }, async (t) => {
  const { exim, port } = await mailServer(t, { maxMailBytes: 1000 });
  const large = await failureOf(sending(t, port));
  assert.equal(large.code, 'notify.refused');
  assert.match(large.message, /refuses the mail: it is larger than the 1000 B that it takes/);
  assert.equal(await exim.inbox(0), '');
});

test('a certificate of another host, or of a CA that is not believed, is refused before anything is said', {
  skip: needsExim,
}, async (t) => {
  const wrong = await mailServer(t, { tls: ofAnother });
  const otherHost = await failureOf(sending(t, wrong.port, { user: mailUser, passwordFile }));
  assert.equal(otherHost.code, 'channel.tls');
  assert.match(otherHost.message, /posix-agent-to-smtp.*certificate of another host/);

  const right = await mailServer(t);
  const unbelieved = await failureOf(sending(t, right.port, { caFile: undefined }));
  assert.equal(unbelieved.code, 'channel.tls');
  assert.match(unbelieved.message, /no CA that is believed here/);
  assert.equal((await right.exim.inbox(0)) + (await wrong.exim.inbox(0)), '');
});

test('without STARTTLS a mail goes in plain text only where that is allowed', { skip: needsExim }, async (t) => {
  const { exim, port } = await mailServer(t, { tls: undefined });
  const required = await failureOf(sending(t, port));
  assert.equal(required.code, 'notify.protection');
  assert.match(required.message, /does not offer STARTTLS/);
  assert.equal(await exim.inbox(0), '');
  await sending(t, port, { encryption: 'when-offered' });
  await sending(t, port, { encryption: 'none' });
  assert.equal((await exim.inbox(2)).match(/^Subject: /gm)?.length, 2);
  assert.match(exim.log(), /P=esmtp\b/);
});

test('encryption that is offered is used', { skip: needsExim }, async (t) => {
  const { exim, port } = await mailServer(t);
  await sending(t, port, { encryption: 'when-offered' });
  await exim.inbox(1);
  assert.match(exim.log(), /P=esmtps\b/);
});

test('nothing listens, or something that is no mail server', async (t) => {
  const { from: port } = await freeRange(1);
  const refused = await failureOf(sending(t, port));
  assert.equal(refused.code, 'channel.refused');
  assert.match(refused.message, /Channel posix-agent-to-smtp from agent-linux on .* to localhost/);
});

test('neither a password nor its user go into a configuration that would send them in plain text', () => {
  const given = { kind: 'smtp', host: 'mx', from: 'a@example.com', to: ['b@example.com'], user: 'u', passwordFile };
  assert.equal(destinationSchema.safeParse(given).success, true);
  assert.equal(destinationSchema.safeParse({ ...given, encryption: 'when-offered' }).success, false);
  assert.equal(destinationSchema.safeParse({ ...given, passwordFile: undefined }).success, false);
});
