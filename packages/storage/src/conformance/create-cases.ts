import assert from 'node:assert/strict';
import { objectSizeLimits } from '../limits.ts';
import type { ObjectName, ObjectType } from '../target.ts';
import { configName, contentOf, inParallel, MiB, nameOf, pagesOf, rejects } from './content.ts';
import type { CaseDefinition } from './suite.ts';

const small = contentOf('small', 1000);

export const createCases: readonly CaseDefinition[] = [
  {
    name: 'what is stored reads back the same, with its size, for every type',
    run: async ({ target }) => {
      for (const type of ['key', 'lock', 'snapshot', 'index', 'data'] as const) {
        const body = contentOf(type, 777);
        const name = nameOf(type, body);
        assert.equal(await target.create(name, [body]), 'created');
        assert.deepEqual(Buffer.from(await target.read(name)), body);
        assert.deepEqual((await target.stat(name))?.sizeBytes, body.length);
      }
      assert.equal(await target.create(configName, [small]), 'created');
      assert.deepEqual(Buffer.from(await target.read(configName)), small);
      assert.equal((await target.stat(configName))?.sizeBytes, small.length);
    },
  },
  {
    name: 'a body in many pieces, some of them empty or in shared memory, is their concatenation',
    run: async ({ target }) => {
      const body = contentOf('pieces', 300_000);
      const pieces = [new Uint8Array(0), body.subarray(0, 1), body.subarray(1, 1), body.subarray(1, 200_000)];
      for (let offset = 200_000; offset < body.length; offset += 50) pieces.push(body.subarray(offset, offset + 50));
      // Worker threads hand over memory that they share.
      const shared = new Uint8Array(new SharedArrayBuffer(body.length));
      shared.set(body);
      const name = nameOf('data', body);
      assert.equal(await target.create(name, pieces), 'created');
      assert.equal(await target.create(nameOf('index', body), [shared.subarray(0, 9), shared.subarray(9)]), 'created');
      assert.deepEqual(Buffer.from(await target.read(nameOf('index', body))), body);
      assert.deepEqual(Buffer.from(await target.read(name)), body);
    },
  },
  {
    name: 'storing the same again is identical and changes nothing',
    run: async ({ target }) => {
      const name = nameOf('data', small);
      assert.equal(await target.create(name, [small]), 'created');
      assert.equal(await target.create(name, [small.subarray(0, 3), small.subarray(3)]), 'identical');
      assert.deepEqual(Buffer.from(await target.read(name)), small);
      assert.equal(await target.create(configName, [small]), 'created');
      assert.equal(await target.create(configName, [small]), 'identical');
    },
  },
  {
    name: 'bodies that the caller has verified are stored like all others',
    run: async ({ target }) => {
      for (const name of [nameOf('data', small), configName]) {
        assert.equal(await target.create(name, [small], { verified: true }), 'created');
        assert.equal(await target.create(name, [small], { verified: true }), 'identical');
        assert.equal(await target.create(name, [small]), 'identical');
        assert.deepEqual(Buffer.from(await target.read(name)), small);
      }
      const other = target.create(configName, [contentOf('other', 1000)], { verified: true });
      await rejects(other, 'storage.exists');
    },
  },
  {
    name: 'a second config with other content is refused and the first one stays',
    run: async ({ target }) => {
      await target.create(configName, [small]);
      await rejects(target.create(configName, [contentOf('other', 1000)]), 'storage.exists');
      await rejects(target.create(configName, [contentOf('longer', 2000)]), 'storage.exists');
      assert.deepEqual(Buffer.from(await target.read(configName)), small);
    },
  },
  {
    name: 'a body that is not what its name says is refused and leaves nothing',
    run: async ({ target }) => {
      const name = nameOf('data', small);
      await rejects(target.create(name, [contentOf('wrong', 1000)]), 'storage.tampered');
      assert.equal(await target.stat(name), undefined);
      assert.deepEqual(await pagesOf(target, 'data'), []);
      assert.equal(await target.create(name, [small]), 'created');
      // Refused as well when the name is taken.
      await rejects(target.create(name, [contentOf('wrong', 1000)]), 'storage.tampered', 'storage.exists');
      assert.deepEqual(Buffer.from(await target.read(name)), small);
    },
  },
  {
    name: 'an object of no bytes can be stored',
    run: async ({ target }) => {
      const name = nameOf('data', Buffer.alloc(0));
      assert.equal(await target.create(name, []), 'created');
      assert.equal(await target.create(name, [new Uint8Array(0)]), 'identical');
      assert.equal((await target.stat(name))?.sizeBytes, 0);
      assert.equal((await target.read(name)).length, 0);
      assert.deepEqual(await pagesOf(target, 'data'), [[{ id: name.id, sizeBytes: 0 }]]);
    },
  },
  {
    name: 'of many creates of one object at the same time one creates it, and all succeed',
    run: async ({ target }) => {
      const body = contentOf('raced', MiB);
      const name = nameOf('data', body);
      const results = await Promise.all(Array.from({ length: 8 }, () => target.create(name, [body])));
      const created = results.filter((result) => result === 'created').length;
      if (target.capabilities.createIfAbsent) assert.equal(created, 1);
      assert.deepEqual(Buffer.from(await target.read(name)), body);
    },
  },
  {
    name: 'of different configs at the same time at most one wins, and it is whole',
    run: async ({ target }) => {
      const bodies = Array.from({ length: 6 }, (_, index) => contentOf(`config ${index}`, 500));
      const results = await Promise.allSettled(bodies.map((body) => target.create(configName, [body])));
      const winners = bodies.filter((_, index) => results[index]?.status === 'fulfilled');
      const stored = Buffer.from(await target.read(configName));
      assert.ok(winners.some((body) => body.equals(stored)));
      if (!target.capabilities.createIfAbsent) return;
      assert.equal(winners.length, 1);
      for (const result of results)
        if (result.status === 'rejected') await rejects(Promise.reject(result.reason), 'storage.exists');
    },
  },
  {
    name: 'an aborted create leaves nothing or everything, never a part',
    run: async ({ target }) => {
      await rejects(target.create(nameOf('data', small), [small], { signal: AbortSignal.abort() }), 'run.cancelled');
      assert.equal(await target.stat(nameOf('data', small)), undefined);
      const body = contentOf('aborted', 16 * MiB);
      const name = nameOf('data', body);
      const abort = new AbortController();
      const work = target.create(name, [body], { signal: abort.signal });
      setTimeout(() => abort.abort(), 5);
      const result = await work.catch((error: unknown) => rejects(Promise.reject(error), 'run.cancelled'));
      const found = await target.stat(name);
      if (result === 'created') assert.ok(found);
      if (found) assert.deepEqual(Buffer.from(await target.read(name)), body);
      else assert.deepEqual(await pagesOf(target, 'data'), []);
      await target.create(name, [body]);
      assert.deepEqual(Buffer.from(await target.read(name)), body);
    },
  },
  {
    name: 'what can be seen while others write is whole',
    run: async ({ target }) => {
      const bodies = Array.from({ length: 12 }, (_, index) => contentOf(`seen ${index}`, MiB));
      let writing = true;
      const watch = async (): Promise<void> => {
        while (writing)
          for await (const page of target.list('data')) for (const { sizeBytes } of page) assert.equal(sizeBytes, MiB);
      };
      const writers = inParallel(bodies, 4, (body) => target.create(nameOf('data', body), [body])).finally(() => {
        writing = false;
      });
      await Promise.all([writers, watch()]);
    },
  },
  {
    name: 'objects at the limit of their type are stored, larger ones are refused',
    run: async ({ target }) => {
      for (const type of ['key', 'lock', 'snapshot'] as const) {
        const largest = contentOf(`limit ${type}`, objectSizeLimits[type]);
        assert.equal(await target.create(nameOf(type, largest), [largest]), 'created');
        const over = contentOf(`limit ${type}`, objectSizeLimits[type] + 1);
        await rejects(target.create(nameOf(type, over), [over]), 'storage.size');
        assert.equal(await target.stat(nameOf(type, over)), undefined);
      }
      assert.ok(target.capabilities.maxObjectSizeBytes >= 128 * MiB);
    },
  },
  {
    name: 'names that are no names of objects are refused by every operation',
    run: async ({ target }) => {
      const { id } = nameOf('data', small);
      const ids = [
        '',
        '.',
        '..',
        '../config',
        `../../${id}`,
        id.slice(1),
        `${id}0`,
        `${id}\n`,
        id.toUpperCase(),
        `${id.slice(1)}g`,
        `${id.slice(0, 62)}/a`,
      ];
      const odd: ObjectName[] = ids.map((oddId) => ({ type: 'data', id: oddId }));
      odd.push({ type: 'config', id }, { type: 'tmp' as ObjectType, id }, { type: '__proto__' as ObjectType, id });
      for (const name of odd) {
        await rejects(target.create(name, [small]), 'request.invalid');
        await rejects(target.read(name), 'request.invalid');
        await rejects(target.stat(name), 'request.invalid');
        await rejects(target.delete(name), 'request.invalid');
        if (target.retention) await rejects(target.retention.extend(name, new Date()), 'request.invalid');
      }
    },
  },
  {
    name: 'bytes and requests are counted',
    run: async ({ target }) => {
      const before = target.transferred();
      const name = nameOf('data', small);
      await target.create(name, [small]);
      await target.read(name, { offset: 0, length: 10 });
      const after = target.transferred();
      assert.ok(after.requests >= before.requests + 2);
      assert.ok(after.sentBytes >= before.sentBytes + small.length);
      assert.ok(after.receivedBytes >= before.receivedBytes + 10);
    },
  },
];
