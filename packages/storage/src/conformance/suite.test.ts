import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { openLocalDisk } from '../local-disk/open-local-disk.ts';
import type { ObjectInfo, Target } from '../target.ts';
import { type ConformanceSubject, conformanceTests } from './suite.ts';

const folder = temporaryFolder({ after });

/** A target that keeps every promise, but for what the fault puts in the place of its own. */
async function faulty(fault: (target: Target) => Partial<Target>): Promise<ConformanceSubject> {
  const clock = new ManualClock();
  const path = mkdtempSync(join(folder, 'repository-'));
  const target = await openLocalDisk({ path, create: true, clock });
  const wrong = fault(target);
  const broken = new Proxy<Target>(target, {
    get: (_, property) => {
      const value: unknown = Reflect.get(property in wrong ? wrong : target, property);
      const owner = property in wrong ? wrong : target;
      return typeof value === 'function'
        ? (...values: unknown[]) => Reflect.apply(value, owner, values) as unknown
        : value;
    },
  });
  return { target: broken, advanceTime: (durationMs) => clock.advance(durationMs) };
}

async function* mapped(
  pages: AsyncIterable<readonly ObjectInfo[]>,
  change: (page: readonly ObjectInfo[]) => readonly ObjectInfo[],
): AsyncGenerator<readonly ObjectInfo[]> {
  for await (const page of pages) yield change(page);
}

/** Each fault, and the case that must find it. */
const faults: readonly { what: string; foundBy: RegExp; fault: (target: Target) => Partial<Target> }[] = [
  {
    what: 'reads one byte too few',
    foundBy: /comes back|reads back/,
    fault: (target) => ({ read: async (name, options) => (await target.read(name, options)).subarray(1) }),
  },
  {
    what: 'cuts ranges at the end instead of refusing them',
    foundBy: /exactly its bytes/,
    fault: (target) => ({
      read: async (name, options = {}) => {
        const sizeBytes = (await target.stat(name))?.sizeBytes ?? 0;
        const offset = Math.min(options.offset ?? 0, sizeBytes);
        return target.read(name, { offset, length: Math.min(options.length ?? sizeBytes, sizeBytes - offset) });
      },
    }),
  },
  {
    what: 'replaces what is there',
    foundBy: /second config/,
    fault: (target) => ({
      create: async (name, body, options) => {
        await target.delete(name);
        return target.create(name, body, options);
      },
    }),
  },
  {
    what: 'never says identical',
    foundBy: /again is identical/,
    fault: (target) => ({
      create: async (...call) => {
        await target.create(...call);
        return 'created';
      },
    }),
  },
  {
    what: 'lists in descending order',
    foundBy: /left early/,
    fault: (target) => ({ list: (...call) => mapped(target.list(...call), (page) => page.toReversed()) }),
  },
  {
    what: 'lists wrong sizes',
    foundBy: /list of its own/,
    fault: (target) => ({
      list: (...call) => mapped(target.list(...call), (page) => page.map(({ id }) => ({ id, sizeBytes: 1 }))),
    }),
  },
  {
    what: 'fails to delete what is gone',
    foundBy: /deleting it again/,
    fault: (target) => ({
      delete: async (name, options) => {
        await target.read(name);
        await target.delete(name, options);
      },
    }),
  },
  {
    what: 'does not stop when aborted',
    foundBy: /when it is aborted/,
    fault: (target) => ({ delete: (name) => target.delete(name) }),
  },
  {
    what: 'shortens dates',
    foundBy: /only ever extended/,
    fault: (target) => ({
      retention: target.retention && { ...target.retention, set: async () => undefined },
    }),
  },
  {
    what: 'forgets the date of a new object',
    foundBy: /before its date/,
    fault: (target) => ({ create: (name, body) => target.create(name, body) }),
  },
  {
    what: 'declares retention that it does not have',
    foundBy: /before its date/,
    fault: () => ({ retention: undefined }),
  },
];

for (const { what, foundBy, fault } of faults) {
  test(`the suite finds a target that ${what}`, async () => {
    const cases = conformanceTests(() => faulty(fault)).filter(({ name }) => foundBy.test(name));
    assert.ok(cases.length > 0, 'no case has such a name');
    for (const { run } of cases) await assert.rejects(run());
  });
}

test('the cases that find faults pass without any', async () => {
  const cases = conformanceTests(() => faulty(() => ({})));
  const used = cases.filter(({ name }) => faults.some(({ foundBy }) => foundBy.test(name)));
  assert.ok(used.length >= 7);
  for (const { run } of used) await run();
});
