import assert from 'node:assert/strict';
import { configName, contentOf, inParallel, MiB, nameOf, rejects } from './content.ts';
import type { CaseDefinition } from './suite.ts';

export const readCases: readonly CaseDefinition[] = [
  {
    name: 'a range gives exactly its bytes, also at the edges, or an error',
    run: async ({ target }) => {
      const size = 100_000;
      const body = contentOf('ranges', size);
      const name = nameOf('data', body);
      await target.create(name, [body]);
      const good = [
        [0, 1],
        [0, size],
        [size - 1, 1],
        [1, size - 1],
        [54_321, 1234],
        [0, 0],
        [size, 0],
        [5, undefined],
        [size, undefined],
        [0, undefined],
      ] as const;
      for (const [offset, length] of good)
        assert.deepEqual(
          Buffer.from(await target.read(name, { offset, length })),
          body.subarray(offset, length === undefined ? size : offset + length),
          `${offset}+${length}`,
        );
      const beyond = [
        [0, size + 1],
        [size - 1, 2],
        [size, 1],
        [size + 1, 0],
        [size + 1, 1],
        [size + 1, undefined],
        [2 ** 40, 16],
      ] as const;
      for (const [offset, length] of beyond) await rejects(target.read(name, { offset, length }), 'storage.range');
      for (const [offset, length] of [
        [-1, 1],
        [0, -1],
        [0.5, 1],
        [Number.NaN, 1],
        [0, 2 ** 53],
      ] as const)
        await rejects(target.read(name, { offset, length }), 'request.invalid');
    },
  },
  {
    name: 'an object of 16 MiB comes back whole and in ranges',
    run: async ({ target }) => {
      const body = contentOf('large', 16 * MiB);
      const name = nameOf('data', body);
      const pieces = Array.from({ length: 16 }, (_, index) => body.subarray(index * MiB, (index + 1) * MiB));
      assert.equal(await target.create(name, pieces), 'created');
      assert.ok(body.equals(await target.read(name)));
      for (const offset of [0, 1, MiB - 1, 7 * MiB + 12_345, 15 * MiB])
        assert.ok(body.subarray(offset, offset + MiB).equals(await target.read(name, { offset, length: MiB })));
    },
  },
  {
    name: 'what is missing is reported as missing',
    run: async ({ target }) => {
      const missing = nameOf('data', contentOf('missing', 10));
      for (const name of [missing, { ...missing, type: 'snapshot' } as const, configName]) {
        await rejects(target.read(name), 'storage.missing');
        await rejects(target.read(name, { offset: 3, length: 4 }), 'storage.missing');
        await rejects(target.read(name, { offset: 0, length: 0 }), 'storage.missing');
        assert.equal(await target.stat(name), undefined);
      }
    },
  },
  {
    name: 'a deleted object is gone, and deleting it again is fine',
    run: async ({ target }) => {
      const body = contentOf('deleted', 5000);
      for (const type of ['data', 'index', 'snapshot', 'lock', 'key'] as const) {
        const name = nameOf(type, body);
        await target.create(name, [body]);
        await target.delete(name);
        await rejects(target.read(name), 'storage.missing');
        assert.equal(await target.stat(name), undefined);
        await target.delete(name);
        assert.equal(await target.create(name, [body]), 'created');
        await target.delete(name);
      }
    },
  },
  {
    name: 'one name in two types is two objects',
    run: async ({ target }) => {
      const body = contentOf('twice', 100);
      await target.create(nameOf('index', body), [body]);
      assert.equal(await target.stat(nameOf('snapshot', body)), undefined);
      await target.create(nameOf('snapshot', body), [body]);
      await target.delete(nameOf('index', body));
      assert.deepEqual(Buffer.from(await target.read(nameOf('snapshot', body))), body);
    },
  },
  {
    name: 'many operations at once do not disturb each other',
    run: async ({ target }) => {
      const bodies = Array.from({ length: 60 }, (_, index) => contentOf(`many ${index}`, 1 + index * 3000));
      await inParallel(bodies, target.capabilities.maxParallelRequests * 2, async (body) => {
        const name = nameOf('data', body);
        await target.create(name, [body]);
        const offset = Math.floor(body.length / 2);
        const [whole, tail] = await Promise.all([target.read(name), target.read(name, { offset })]);
        assert.ok(body.equals(whole));
        assert.ok(body.subarray(offset).equals(tail));
      });
    },
  },
  {
    name: 'every operation stops when it is aborted',
    run: async ({ target }) => {
      const body = contentOf('stopped', 1000);
      const name = nameOf('data', body);
      await target.create(name, [body]);
      const signal = AbortSignal.abort();
      await rejects(target.read(name, { signal }), 'run.cancelled');
      await rejects(target.stat(name, { signal }), 'run.cancelled');
      await rejects(target.delete(name, { signal }), 'run.cancelled');
      await rejects(target.serverTime({ signal }), 'run.cancelled');
      await rejects(target.list('data', { signal })[Symbol.asyncIterator]().next(), 'run.cancelled');
      assert.ok(body.equals(await target.read(name)), 'the aborted delete deleted nothing');
    },
  },
  {
    name: 'the storage tells the time',
    run: async ({ target }) => {
      const first = await target.serverTime();
      assert.ok(first > new Date('2020-01-01T00:00:00Z'));
      assert.ok((await target.serverTime()) >= first);
    },
  },
];
