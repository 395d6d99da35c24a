import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { reportOf, type TaskContext, type TaskOutcome, taskMethods } from '@holdfast/protocol';
import { pino } from 'pino';
import { z } from 'zod';
import { contextWithoutNames, errorWithoutNames, outcomeWithoutNames } from './without-names.ts';

const name = 'secret-name-7f3a';

test('progress and problems are told without names, and the log has them', async () => {
  const told: unknown[] = [];
  const logged: string[] = [];
  const context: TaskContext = {
    signal: new AbortController().signal,
    grant: () => 'grant',
    onGrant: () => undefined,
    report: (event) => void told.push(event),
    problem: (error) => void told.push(reportOf(error)),
    degraded: (degradation) => void told.push(degradation),
    write: async (bytes) => void told.push(Buffer.from(bytes).toString()),
    log: (_level, message) => void told.push(message),
    uses: () => undefined,
  };
  const discreet = contextWithoutNames(context, pino({}, { write: (line: string) => void logged.push(line) }));
  discreet.report({
    kind: 'progress',
    progress: { phase: 'backup', filesDone: 1, bytesDone: 2, currentPath: `/${name}` },
  });
  discreet.problem(
    new HoldfastError('internal.unexpected', {
      message: name,
      guidance: name,
      context: { path: name },
      cause: new Error(name),
    }),
  );
  discreet.log('info', `line with ${name}`);
  await assert.rejects(discreet.write(Buffer.from(name)), { code: 'zero-knowledge.refused' });
  assert.equal(told.length, 2);
  assert.ok(!JSON.stringify(told).includes(name), JSON.stringify(told));
  assert.match(JSON.stringify(told), /"filesDone":1/);
  assert.ok(logged.join('').includes(`line with ${name}`));
});

test('of errors the code is told, and of those about connections all', () => {
  for (const error of [
    new HoldfastError('repository.damaged', { message: name, context: { name } }),
    new Error(name),
  ]) {
    const report = JSON.stringify(reportOf(errorWithoutNames(error)));
    assert.ok(!report.includes(name), report);
  }
  assert.equal(
    errorWithoutNames(new HoldfastError('repository.damaged', { message: name })).code,
    'repository.damaged',
  );
  const refused = new HoldfastError('channel.refused', { message: 'store refused 6162' });
  assert.equal(errorWithoutNames(refused), refused);
});

/** Where a schema has a text that may be anything, which no pattern or choice confines. */
function freeTexts(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const {
    type,
    pattern,
    format,
    const: fixed,
    enum: choices,
    properties,
    items,
    anyOf,
    oneOf,
  } = schema as Partial<Record<string, unknown>>;
  if (type === 'string') return [pattern, format, fixed, choices].some((rule) => rule !== undefined) ? [] : [path];
  return [
    ...Object.entries(properties ?? {}).flatMap(([name, inner]) => freeTexts(inner, `${path}.${name}`)),
    ...freeTexts(items, `${path}[]`),
    ...[anyOf ?? [], oneOf ?? []].flat().flatMap((inner) => freeTexts(inner, path)),
  ];
}

test('the texts in results are known: each is left out, or the server has said it', () => {
  const schema = z.toJSONSchema(taskMethods['task.run'].result.shape.result, { io: 'input' });
  const kinds = [schema.anyOf ?? [], schema.oneOf ?? []].flat() as { properties: { kind: { const: string } } }[];
  const texts = kinds.flatMap((one) => freeTexts(one, one.properties.kind.const));
  const passed = new Set(['backup', 'restore', 'forget', 'prune', 'check', 'stats', 'snapshots', 'drill', 'analysis']);
  assert.deepEqual(texts.filter((text) => passed.has(text.split(/[.[]/)[0] ?? '')).sort(), [
    // Without the scripts.
    ...['backup.scripts[].output', 'backup.scripts[].path'],
    // Without what the whole computer was.
    ...['backup.wholeComputer.leftOut[].path', 'backup.wholeComputer.leftOut[].reason'],
    'backup.wholeComputer.sources[]',
    // Of the task.
    'drill.seed',
    // Without paths: how many they are is told.
    ...['restore.deleted.paths[]', 'restore.overwritten.paths[]'],
    // Of the task.
    'restore.target',
    // See below.
    ...['snapshots.snapshots[].hostname', 'snapshots.snapshots[].sources[]', 'snapshots.snapshots[].tags[]'],
  ]);
});

test('a list of snapshots has no paths and tags, a drill not the hash of its tree', () => {
  const list: TaskOutcome = {
    kind: 'snapshots',
    snapshots: [
      {
        ...{
          id: 'ab'.repeat(32),
          takenAt: '2026-01-01T00:00:00.000Z',
          hostname: name,
          sources: [`/${name}`],
          tags: [name],
        },
        totalFiles: 3,
      },
    ],
  };
  const told = JSON.stringify(outcomeWithoutNames(list));
  assert.ok(!told.includes(name), told);
  assert.match(told, /"totalFiles":3/);
});

test('an analysis tells how many files of one extension are gone, and not which', () => {
  const pair = { before: 'ab'.repeat(32), after: 'cd'.repeat(32) };
  const changes = [{ extension: name, before: 300, gone: 200, renamed: 0, folders: 0 }];
  const told = JSON.stringify(
    outcomeWithoutNames({ kind: 'analysis', comparisons: [{ ...pair, changes }], durationMs: 1 }),
  );
  assert.ok(!told.includes(name), told);
  assert.match(told, /"gone":200/);
});

test('a restore tells how many files it replaced, and not which', () => {
  const restored: TaskOutcome = {
    kind: 'restore',
    target: '/srv',
    ...{ snapshotId: 'ab'.repeat(32), files: 2, directories: 1, bytes: 3, durationMs: 4 },
    overwritten: { count: 2, paths: [`/srv/${name}`] },
    deleted: { count: 1, paths: [`/srv/${name}`] },
  };
  const told = JSON.stringify(outcomeWithoutNames(restored));
  assert.ok(!told.includes(name), told);
  assert.match(told, /"count":2/);
});
