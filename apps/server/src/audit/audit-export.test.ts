import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { type Rsyslog, rsyslogMissing, startRsyslog } from '@holdfast/notify/testing';
import { type AuditRecord, auditRecord } from '@holdfast/protocol';
import { createTestInstallation } from '@holdfast/wire/testing';
import { TestServer, until } from '../testing/test-server.ts';
import { auditLine } from './audit-export.ts';

const installation = await createTestInstallation();

/** Makes records. */
async function change(server: TestServer, times: number): Promise<void> {
  for (let made = 0; made < times; made += 1)
    await server.client.call('createToken', { body: { role: 'agent', uses: made + 1 } });
}

/** Their numbers, as rsyslog has understood them. A record may come again. */
function numbersIn(lines: readonly string[]): number[] {
  const numbers = lines.map((line) => Number(/ audit \[holdfast@32473 tenant="local" number="(\d+)" /.exec(line)?.[1]));
  return numbers.filter((number, index) => numbers.indexOf(number) === index);
}

/** A record that comes again is not another one. */
async function seenBy(rsyslog: Rsyslog, records: number): Promise<number[]> {
  let numbers: number[] = [];
  await until(async () => {
    numbers = numbersIn(await rsyslog.seen(records));
    return numbers.length >= records;
  }, 'the records are there');
  return numbers;
}

async function recordsOf({ client }: TestServer): Promise<AuditRecord[]> {
  return client.list('audit', { query: { order: 'oldest' } });
}

test('every record gets to a real syslog server, in order, whatever is away in between', {
  skip: rsyslogMissing(),
}, async (t: TestContext) => {
  const folder = temporaryFolder(t);
  let server = await TestServer.start(folder);
  t.after(() => server[Symbol.asyncDispose]());
  await change(server, 3);
  const port = await freePort();
  const first = await startRsyslog(t, installation, { tls: port });
  const body = { host: 'localhost', port, caPem: installation.caPem };
  const view = await server.client.call('setAuditExport', { body });
  assert.equal(view.settings?.facility, 'authpriv');
  // Setting it is a record, too.
  const lines = await first.seen(4);
  assert.deepEqual(numbersIn(lines), [1, 2, 3, 4]);
  assert.match(
    lines[0] ?? '',
    /^86 .* action="createToken" subject="[0-9a-f-]{36}" outcome="done" .*\|\uFEFF?\{.*"role":"agent"/,
  );

  // What has arrived and is not noted yet would be sent again.
  await until(async () => (await server.client.call('auditExport', {})).exported === 4, 'it is noted');
  await first.stop();
  await change(server, 2);
  await until(async () => (await server.client.call('auditExport', {})).error !== undefined, 'it fails');
  await server[Symbol.asyncDispose]();
  server = await TestServer.start(folder);
  await change(server, 2);
  const second = await startRsyslog(t, installation, { tls: port });
  const expected = (await recordsOf(server)).map(({ number }) => number).slice(4);
  await until(async () => {
    const { exported, last } = await server.client.call('auditExport', {});
    return exported === last;
  }, 'all is exported');
  assert.deepEqual(await seenBy(second, expected.length), expected);
  const { error, lastSentAt } = await server.client.call('auditExport', {});
  assert.equal(error, undefined);
  assert.ok(lastSentAt);

  // What comes as a datagram each, from where it had got.
  await server.client.call('setAuditExport', { body: { host: 'localhost', port: second.udp, transport: 'udp' } });
  const all = await seenBy(second, expected.length + 1);
  assert.deepEqual(all, [...expected, (expected.at(-1) ?? 0) + 1]);
  await server.client.call('deleteAuditExport', {});
  assert.equal((await server.client.call('auditExport', {})).settings, undefined);
});

test('a record keeps to the form whatever is in it, and to the size that receivers take', () => {
  const record = auditRecord.parse({
    ...{ number: 7, at: '2026-01-10T06:30:00.000Z', actor: 'a"]\nx', action: 'createUser', subject: 'ü'.repeat(200) },
    ...{ outcome: 'failed', remoteAddress: '127.0.0.1', requestId: 'r', details: { long: 'ü'.repeat(3_900) } },
    ...{ previousHash: 'a'.repeat(64), hash: 'b'.repeat(64) },
  });
  for (const [transport, size] of [
    ['udp', 2048],
    ['tls', 8192],
  ] as const) {
    const line = auditLine(record, { tenant: 'local', settings: { facility: 'authpriv', transport } });
    assert.ok(line.length <= size, `${line.length} bytes`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(line);
    // authpriv and warning.
    assert.match(text, /^<84>1 2026-01-10T06:30:00\.000Z \S+ holdfast \d+ audit \[/);
    assert.match(text, /number="7" actor="a\\"\\\] x" action="createUser"/);
    assert.doesNotMatch(text, /\n/);
  }
});
