import assert from 'node:assert/strict';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation, type TestInstallation } from '@holdfast/wire/testing';
import { destinationSchema } from '../configuration.ts';
import { sampleEvents } from '../testing/sample-events.ts';
import { failureOf, patience, senderContext } from '../testing/sender-fixture.ts';
import { type ServiceAnswer, type ServiceRequest, startService } from '../testing/service-fixture.ts';
import { mayBeReached } from './reachable.ts';
import { senderFor } from './senders.ts';

const folder = temporaryFolder({ after });
const [caFile, secretFile] = [join(folder, 'ca.pem'), join(folder, 'secret')];
const key = randomBytes(32);
const clock = new ManualClock(new Date('2026-01-10T06:31:00Z'));
let installation: TestInstallation;

before(async () => {
  installation = await createTestInstallation();
  writeFileSync(caFile, installation.caPem);
  writeFileSync(secretFile, `whsec_${key.toString('base64')}\n`);
});

async function receiver(t: TestContext, answer: (request: ServiceRequest) => ServiceAnswer) {
  const port = await startService(t, { installation, hosts: ['hooks.example.com'], answer });
  return (o: { readonly id?: string; readonly allowLocalAddresses?: boolean; readonly secretFile?: string } = {}) => {
    const { id = randomUUID(), ...settings } = o;
    const destination = destinationSchema.parse({
      ...{ kind: 'webhook', url: `https://hooks.example.com:${port}/a?b=c`, caFile, secretFile },
      ...{ allowLocalAddresses: true, ...settings },
    });
    const outgoing = { id, event: sampleEvents['run-ended'], recipient: undefined };
    return senderFor(destination, senderContext(t, { clock })).send(outgoing, patience());
  };
}

test('a webhook is signed as Standard Webhooks says', async (t) => {
  const seen: ServiceRequest[] = [];
  const send = await receiver(t, (request) => {
    seen.push(request);
    return { status: 204 };
  });
  const id = randomUUID();
  await send({ id });
  const [request] = seen;
  assert.ok(request);
  assert.equal(request.path, '/a?b=c');
  assert.equal(request.headers['webhook-id'], id);
  assert.equal(request.headers['webhook-timestamp'], String(Date.parse('2026-01-10T06:31:00Z') / 1000));
  // As a receiver checks it.
  const signed = `${id}.${request.headers['webhook-timestamp']}.${request.body}`;
  const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
  assert.equal(request.headers['webhook-signature'], expected);
  const body: unknown = JSON.parse(request.body);
  const { run, history, id: eventId, from } = sampleEvents['run-ended'];
  assert.deepEqual(body, {
    type: 'run-ended',
    timestamp: '2026-01-10T06:30:00Z',
    data: { severity: 'error', subject: 'Backup homes of laptop failed', id: eventId, from, run, history },
  });
});

test('what a receiver answers', async (t) => {
  let answer: ServiceAnswer = { status: 200 };
  let asked = 0;
  const send = await receiver(t, () => {
    asked += 1;
    return answer;
  });
  const failure = (given: ServiceAnswer) => {
    answer = given;
    return failureOf(send());
  };
  await send();
  const busy = await failure({ status: 429, headers: { 'retry-after': '90' } });
  assert.equal(busy.code, 'notify.deferred');
  assert.equal(busy.context['retryAfterMs'], 90_000);
  assert.equal((await failure({ status: 500 })).code, 'notify.deferred');
  assert.equal((await failure({ status: 404 })).code, 'notify.deferred');
  assert.equal((await failure({ status: 410 })).code, 'notify.refused');
  const elsewhere = await failure({ status: 307, headers: { location: 'https://hooks.example.com/other' } });
  assert.match(elsewhere.message, /redirects elsewhere.*not followed/);
  assert.equal(asked, 6);
});

test('no webhook reaches this computer itself unless it is allowed', async (t) => {
  let asked = 0;
  const send = await receiver(t, () => {
    asked += 1;
    return { status: 200 };
  });
  const refused = await failureOf(send({ allowLocalAddresses: false }));
  assert.equal(refused.code, 'channel.address');
  assert.match(refused.message, /127\.0\.0\.1/);
  assert.equal(asked, 0);
});

test('addresses that a webhook may lead to', () => {
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const local = [
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '169.254.169.254', '100.100.100.200', '192.0.0.192', '224.0.0.1'],
    ...['255.255.255.255', '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1', '::ffff:7f00:1', 'fe80::1', 'fe80::1%eth0'],
    ...['ff02::1', 'fd00:ec2::254', '64:ff9b::7f00:1', '2002:7f00:1::', 'not an address'],
  ];
  for (const address of [...local, ...own]) assert.equal(mayBeReached(address), false, address);
  for (const address of ['10.255.254.253', '192.168.255.254', '203.0.113.7', '2001:db8::1', 'fd12:3456::1'])
    assert.equal(mayBeReached(address), true, address);
});

test('a secret that is none is told without being shown', async (t) => {
  const send = await receiver(t, () => ({ status: 200 }));
  const file = join(temporaryFolder(t), 'secret');
  for (const secret of ['hunter2hunter2', 'whsec_c2hvcnQ=', 'whsec_????']) {
    writeFileSync(file, secret);
    const wrong = await failureOf(send({ secretFile: file }));
    assert.equal(wrong.code, 'usage.configuration');
    assert.doesNotMatch(JSON.stringify(wrong), /hunter2|c2hvcnQ/);
  }
});
