import assert from 'node:assert/strict';
import type { ObjectType } from '../target.ts';
import { configName, contentOf, inParallel, nameOf, pagesOf, rejects } from './content.ts';
import type { CaseDefinition } from './suite.ts';

export const listCases: readonly CaseDefinition[] = [
  {
    name: '1,100 objects are listed in pages, in ascending order, with their sizes',
    run: async ({ target }) => {
      const sizes = new Map<string, number>();
      const bodies = Array.from({ length: 1100 }, (_, index) => contentOf(`listed ${index}`, 1 + (index % 97)));
      await inParallel(bodies, target.capabilities.maxParallelRequests, async (body) => {
        const name = nameOf('data', body);
        sizes.set(name.id, body.length);
        await target.create(name, [body]);
      });
      const expected = [...sizes].map(([id, sizeBytes]) => ({ id, sizeBytes })).sort((a, b) => (a.id < b.id ? -1 : 1));
      for (const pageSize of [undefined, 333, 1100, 10_000]) {
        const pages = await pagesOf(target, 'data', pageSize === undefined ? {} : { pageSize });
        assert.deepEqual(pages.flat(), expected);
        for (const page of pages) assert.ok(page.length > 0 && page.length <= (pageSize ?? 1000));
      }
      for (const index of [0, 1, 549, 1098, 1099]) {
        const after = expected[index]?.id ?? '';
        assert.deepEqual((await pagesOf(target, 'data', { after })).flat(), expected.slice(index + 1));
      }
      // After an id that isn't there.
      const after = `${'0'.repeat(63)}1`;
      assert.deepEqual((await pagesOf(target, 'data', { after, pageSize: 300 })).flat(), expected);
    },
  },
  {
    name: 'every type has a list of its own, and an empty one has no pages',
    run: async ({ target }) => {
      const types = ['key', 'lock', 'snapshot', 'index', 'data'] as const;
      for (const type of types) assert.deepEqual(await pagesOf(target, type), []);
      for (const type of types) await target.create(nameOf(type, Buffer.from(type)), [Buffer.from(type)]);
      await target.create(configName, [Buffer.from('config')]);
      for (const type of types) {
        const { id } = nameOf(type, Buffer.from(type));
        assert.deepEqual(await pagesOf(target, type, { pageSize: 1 }), [[{ id, sizeBytes: type.length }]]);
      }
    },
  },
  {
    name: 'a list may be left early, and objects may vanish while it runs',
    run: async ({ target }) => {
      const bodies = Array.from({ length: 20 }, (_, index) => contentOf(`left ${index}`, 10));
      for (const body of bodies) await target.create(nameOf('index', body), [body]);
      for await (const page of target.list('index', { pageSize: 3 })) {
        assert.equal(page.length, 3);
        break;
      }
      const seen: string[] = [];
      for await (const page of target.list('index', { pageSize: 3 })) {
        for (const { id } of page) {
          seen.push(id);
          await target.delete({ type: 'index', id });
        }
      }
      assert.equal(new Set(seen).size, bodies.length);
      assert.deepEqual(seen, seen.toSorted());
      assert.deepEqual(await pagesOf(target, 'index'), []);
    },
  },
  {
    name: 'wrong types, starts and page sizes are refused',
    run: async ({ target }) => {
      for (const type of ['config', '..', 'toString'])
        await rejects(pagesOf(target, type as Exclude<ObjectType, 'config'>), 'request.invalid');
      for (const pageSize of [0, -1, 10_001, 1.5, Number.NaN])
        await rejects(pagesOf(target, 'data', { pageSize }), 'request.invalid');
      await rejects(pagesOf(target, 'data', { after: 'zz' }), 'request.invalid');
    },
  },
];
