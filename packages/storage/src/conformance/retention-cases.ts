import assert from 'node:assert/strict';
import { systemClock } from '@holdfast/core';
import type { Target } from '../target.ts';
import { contentOf, nameOf, rejects } from './content.ts';
import type { CaseDefinition, ConformanceSubject } from './suite.ts';

const hourMs = 3_600_000;

/** Retention is declared or absent; the cases ask for what was declared. */
function retentionCase(name: string, run: CaseDefinition['run']): CaseDefinition {
  return {
    name,
    run: async (subject) => {
      const { target } = subject;
      assert.equal(target.retention !== undefined, target.capabilities.retention);
      if (target.retention) return run(subject);
      const body = contentOf('unprotected', 10);
      const retainUntil = new Date(Date.now() + hourMs);
      await rejects(target.create(nameOf('data', body), [body], { retainUntil }), 'storage.unsupported');
      assert.equal(await target.stat(nameOf('data', body)), undefined);
    },
  };
}

function retentionOf(target: Target): NonNullable<Target['retention']> {
  assert.ok(target.retention);
  return target.retention;
}

async function pass(subject: ConformanceSubject, durationMs: number): Promise<void> {
  if (subject.advanceTime) subject.advanceTime(durationMs);
  else await systemClock.sleep(durationMs);
}

/** In whole seconds by the storage's own clock: some don't keep more. */
async function inFuture(target: Target, durationMs: number): Promise<Date> {
  const ms = (await target.serverTime()).getTime() + durationMs;
  return new Date(Math.ceil(ms / 1000) * 1000);
}

export const retentionCases: readonly CaseDefinition[] = [
  retentionCase('a protected object can not be deleted before its date, and can afterwards', async (subject) => {
    const { target } = subject;
    const body = contentOf('protected', 2000);
    const name = nameOf('data', body);
    // Where time passes by itself, a machine that stands still lets it pass too early; else nobody waits for it.
    const aheadMs = subject.advanceTime ? 300_000 : 2000;
    const until = await inFuture(target, aheadMs);
    assert.equal(await target.create(name, [body], { retainUntil: until }), 'created');
    assert.deepEqual(await retentionOf(target).get(name), until);
    const refusal = await rejects(target.delete(name), 'storage.immutable');
    assert.ok(refusal.message.includes(until.toISOString().slice(0, 10)), 'the message gives the date');
    assert.deepEqual(Buffer.from(await target.read(name)), body);
    await pass(subject, aheadMs + 2500);
    await target.delete(name);
    assert.equal(await target.stat(name), undefined);
    // Whoever stores it again starts without a date.
    await target.create(name, [body]);
    assert.equal(await retentionOf(target).get(name), undefined);
  }),
  retentionCase('a date is only ever extended', async ({ target }) => {
    const retention = retentionOf(target);
    const body = contentOf('extended', 2000);
    const name = nameOf('index', body);
    await target.create(name, [body]);
    assert.equal(await retention.get(name), undefined);
    const soon = await inFuture(target, hourMs);
    const later = new Date(soon.getTime() + hourMs);
    assert.deepEqual(await retention.extend(name, soon), soon);
    await retention.set(name, later);
    assert.deepEqual(await retention.get(name), later);
    assert.deepEqual(await retention.extend(name, soon), later);
    await rejects(retention.set(name, soon), 'storage.immutable');
    assert.deepEqual(await retention.get(name), later);
    assert.equal(await target.create(name, [body], { retainUntil: soon }), 'identical');
    assert.deepEqual(await retention.get(name), later);
    const latest = new Date(later.getTime() + hourMs);
    assert.equal(await target.create(name, [body], { retainUntil: latest }), 'identical');
    assert.deepEqual(await retention.get(name), latest);
    await rejects(target.delete(name), 'storage.immutable');
  }),
  retentionCase('many extensions at once end with the latest date', async ({ target }) => {
    const retention = retentionOf(target);
    const body = contentOf('contended', 100);
    const name = nameOf('snapshot', body);
    await target.create(name, [body]);
    const start = await inFuture(target, hourMs);
    const dates = Array.from({ length: 10 }, (_, index) => new Date(start.getTime() + ((index * 7) % 10) * hourMs));
    await Promise.all(dates.map((until) => retention.extend(name, until)));
    assert.deepEqual(await retention.get(name), new Date(start.getTime() + 9 * hourMs));
  }),
  retentionCase('locks can not be protected, missing objects neither', async ({ target }) => {
    const retention = retentionOf(target);
    const body = contentOf('lock', 100);
    const until = await inFuture(target, hourMs);
    await rejects(target.create(nameOf('lock', body), [body], { retainUntil: until }), 'storage.unsupported');
    assert.equal(await target.stat(nameOf('lock', body)), undefined);
    await target.create(nameOf('lock', body), [body]);
    await rejects(retention.extend(nameOf('lock', body), until), 'storage.unsupported');
    await target.delete(nameOf('lock', body));
    const missing = nameOf('data', contentOf('absent', 5));
    await rejects(retention.get(missing), 'storage.missing');
    await rejects(retention.set(missing, until), 'storage.missing');
    await rejects(retention.extend(missing, until), 'storage.missing');
    await rejects(retention.extend(missing, new Date(Number.NaN)), 'request.invalid', 'storage.missing');
  }),
];
