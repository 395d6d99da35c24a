import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { Presence } from '../computers/presence.ts';
import { EventHub } from '../event-hub.ts';
import { ComputerList } from '../inventory/computer-list.ts';
import { computersOfAPage } from '../limits.ts';
import { testCatalogue } from '../testing/test-database.ts';
import { type Cause, cause } from './causes.ts';
import { noteConditions, presentConditions } from './conditions.ts';
import { eventOfCause } from './notification-events.ts';

const dayMs = 86_400_000;
const start = new Date('2026-01-10T06:30:00.000Z');

test('offline and unprotected computers and certificates that end are told of once, and again when it is so anew', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('local');
  const clock = new ManualClock(start);
  const presence = new Presence({
    catalogue,
    instances: { id: 'this', others: [] },
    events: new EventHub(clock),
    clock,
  });
  const list = new ComputerList({ presence, clock, unprotectedAfterMs: 7 * dayMs });
  const at = (days: number): string => new Date(start.getTime() + days * dayMs).toISOString();
  const join = async (hostname: string, o: { enrolled: number; seen: number; ends: number }): Promise<string> => {
    const id = crypto.randomUUID();
    const serial = id.replaceAll('-', '');
    await scope.query
      .insertInto('computers')
      .values({
        ...{ id, role: 'agent', groupName: 'default', hostname, address: '192.0.2.1', platform: 'linux' },
        ...{ productVersion: '1.0.0', portsJson: '{}', certificateSerial: serial, certificateFingerprint: 'f' },
        ...{ certificateExpiresAt: at(o.ends), enrolledAt: at(o.enrolled), lastSeenAt: at(o.seen) },
      })
      .execute();
    await scope.query
      .insertInto('certificates')
      .values({
        ...{ serial, computerId: id, fingerprint: 'f', keyHash: 'k', certificatePem: '' },
        ...{ issuedAt: at(o.ends - 90), expiresAt: at(o.ends) },
      })
      .execute();
    return id;
  };
  const away = await join('away', { enrolled: -1, seen: -0.5, ends: 80 });
  const there = await join('there', { enrolled: -100, seen: 0, ends: 10 });
  await join('new', { enrolled: 0, seen: 0, ends: 90 });
  await presence.seen('local', there);
  const look = async (): Promise<Cause[]> => {
    const now = clock.now();
    const own = { chain: new Map<string, string>() };
    const o = { presence, list, own, offlineAfterMs: 3_600_000, unprotectedAfterMs: 7 * dayMs };
    // As two instances at the same time.
    const present = await presentConditions(scope, o, now);
    await noteConditions(scope, present, now);
    await noteConditions(scope, present, now);
    const rows = await scope.query.selectFrom('notificationCauses').selectAll().execute();
    await scope.deleteFrom('notificationCauses').execute();
    const causes = rows.map(({ causeJson }) => cause.parse(JSON.parse(causeJson)));
    return causes.sort((a, b) => a.kind.localeCompare(b.kind));
  };

  assert.deepEqual(await look(), [], 'nobody is notified');
  await scope.deleteFrom('notificationConditions').execute();
  await scope.query
    .insertInto('notificationSettings')
    .values({ settingsJson: '{}', changedAt: at(0), summarisedUntil: at(0) })
    .execute();
  const told = await look();
  assert.deepEqual(told, [
    { kind: 'certificate-expiring', subject: 'there', expiresAt: at(10) },
    { kind: 'computer-offline', computerId: away },
    { kind: 'computer-unprotected', computerId: there },
  ]);
  const events = await Promise.all(told.map((one) => eventOfCause(scope, one, { from: 'server', now: start })));
  assert.deepEqual(
    events.map((event) => event && 'computer' in event && event.computer),
    [false, 'away', 'there'],
  );
  assert.deepEqual(await look(), []);
  await presence.seen('local', away);
  assert.deepEqual(await look(), []);
  await presence.gone('local', away);
  clock.advance(7_200_000);
  assert.ok((await look()).some((one) => one.kind === 'computer-offline' && one.computerId === away));
});

test('of a fleet larger than a page every computer is looked at', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const scope = catalogue.tenant('local');
  const clock = new ManualClock(start);
  const presence = new Presence({
    catalogue,
    instances: { id: 'this', others: [] },
    events: new EventHub(clock),
    clock,
  });
  const list = new ComputerList({ presence, clock, unprotectedAfterMs: 7 * dayMs });
  const at = new Date(start.getTime() - dayMs).toISOString();
  const atOnce = 600;
  const total = computersOfAPage + 200;
  for (let made = 0; made < total; made += atOnce) {
    const rows = Array.from({ length: atOnce }, () => ({
      ...{ id: crypto.randomUUID(), role: 'agent' as const, groupName: 'default', hostname: 'h', address: '192.0.2.1' },
      ...{ platform: 'linux' as const, productVersion: '1.0.0', portsJson: '{}', certificateSerial: 's' },
      ...{ certificateFingerprint: 'f', certificateExpiresAt: at, enrolledAt: at },
    }));
    await scope.query
      .insertInto('computers')
      .values(rows.slice(0, total - made))
      .execute();
  }
  const own = { chain: new Map<string, string>() };
  const o = { presence, list, own, offlineAfterMs: 3_600_000, unprotectedAfterMs: 7 * dayMs };
  assert.equal((await presentConditions(scope, o, start)).size, total);
});
