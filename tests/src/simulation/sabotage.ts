import { createHash } from 'node:crypto';
import { BlobWriter, formatTime, parseObjectId, type Repository, timeOfDate } from '@holdfast/repository';
import type { CreateResult, ObjectName, ObjectType, Target } from '@holdfast/storage';
import { objectKey, type SimulatedStorage } from '@holdfast/storage/testing';
import { backup, type Operation, type OperationContext } from './operations.ts';
import type { RuleNumber } from './rule-book.ts';
import type { Sabotage } from './simulated-process.ts';

/** For each rule a defect that breaks it: a target that lies, or a program that takes a short cut. The rules must find each. */
export interface Defect {
  readonly rule: RuleNumber;
  readonly what: string;
  readonly sabotage?: Sabotage;
  readonly operation?: Operation;
}

/** The same target with some of its methods replaced. */
function replacing(target: Target, changed: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, property) => {
      const owner = property in changed ? changed : target;
      const value: unknown = Reflect.get(owner, property);
      return typeof value === 'function'
        ? (...values: unknown[]) => Reflect.apply(value, owner, values) as unknown
        : value;
    },
  });
}

type Create = Target['create'];

/** Objects of one type are said to be stored, and are only after the next object of another type. */
function late(type: ObjectType, until: ObjectType | undefined): Sabotage {
  return (target) => {
    const waiting: (() => Promise<CreateResult>)[] = [];
    const create: Create = async (name, body, options) => {
      if (name.type === type) {
        const copies = body.map((piece) => Uint8Array.from(piece));
        waiting.push(() => target.create(name, copies));
        return 'created';
      }
      const result = await target.create(name, body, options);
      if (name.type === until) for (const store of waiting.splice(0)) await store();
      return result;
    };
    return replacing(target, { create });
  };
}

/** Something else happens to the storage after each object that is stored. */
function after(type: ObjectType, happen: (storage: SimulatedStorage, name: ObjectName) => void): Sabotage {
  return (target, storage) => {
    const create: Create = async (name, body, options) => {
      const result = await target.create(name, body, options);
      if (name.type === type) happen(storage, name);
      return result;
    };
    return replacing(target, { create });
  };
}

function operation(name: string, run: (context: OperationContext) => Promise<void>): Operation {
  return { name, weight: 3, run };
}

function snapshotOf(context: OperationContext): Parameters<Repository['saveSnapshot']>[0] {
  const { process, source } = context;
  const time = formatTime(timeOfDate(process.clock.now()));
  return { time, tree: source.root, paths: ['/simulated'], hostname: 'one', username: 'somebody', tags: [] };
}

/** A backup that stores only some of what it should, and makes a snapshot all the same. */
function partialBackup(name: string, isStored: (context: OperationContext, at: number) => boolean): Operation {
  return operation(name, async (context) => {
    const { process, source, ledger } = context;
    const { repository } = process;
    await using _lock = await repository.lock({ exclusive: false });
    const index = await repository.loadIndex();
    await using writer = new BlobWriter({ repository, index });
    for (const [at, { type, id, plain }] of source.blobs.entries())
      if (isStored(context, at) && index.claim(id, type) === 'new') await writer.add(type, id, plain);
    await writer.settle();
    ledger.sources.set(source.root, source.files);
    await repository.saveSnapshot(snapshotOf(context));
  });
}

export const defects: readonly Defect[] = [
  { rule: 1, what: 'index files are written before the packs that they name', sabotage: late('data', 'index') },
  {
    rule: 2,
    what: 'snapshots are written before the index files that they rely on',
    sabotage: late('index', 'snapshot'),
  },
  { rule: 3, what: 'snapshots are reported before they are stored', sabotage: late('snapshot', undefined) },
  {
    rule: 4,
    what: 'a snapshot has a tree whose files were not all there',
    operation: operation('torn backup', async (context) => {
      const other = { ...context.source, files: new Map([...context.source.files, ['/another', 'file']]) };
      await backup.run({ ...context, source: other });
    }),
  },
  {
    rule: 5,
    what: 'packs are deleted before the index files that name them',
    operation: operation('hasty prune', async ({ process }) => {
      await using _lock = await process.repository.lock({ exclusive: true, retryMs: 60_000 });
      for (const { id } of await process.repository.list('data')) await process.target.delete({ type: 'data', id });
      for (const { id } of await process.repository.list('index')) await process.target.delete({ type: 'index', id });
    }),
  },
  {
    rule: 6,
    what: 'an object is overwritten',
    sabotage: after('data', (storage, name) => {
      storage.damage(objectKey(name), (bytes) => bytes.fill(0, 0, 8));
      storage.revision += 1;
    }),
  },
  {
    rule: 7,
    what: 'an object has the name of another content',
    sabotage: after('index', (storage) => {
      storage.apply({ key: `data/${'0'.repeat(64)}`, bytes: new Uint8Array(8) });
    }),
  },
  {
    rule: 8,
    what: 'the configuration is written again',
    sabotage: after('index', (storage) => storage.apply({ key: 'config/', bytes: new Uint8Array(8) })),
  },
  {
    rule: 9,
    what: 'what is protected is deleted all the same',
    sabotage: after('snapshot', (storage, name) => {
      storage.dates.set(objectKey(name), new Date('2027-01-01'));
      for (const key of storage.dates.keys())
        if (key !== objectKey(name) && storage.visible.has(key)) storage.apply({ key, bytes: undefined });
    }),
  },
  {
    rule: 11,
    what: 'locks are not really made',
    sabotage: (target) => {
      const create: Create = async (name, body, options) =>
        name.type === 'lock' ? 'created' : target.create(name, body, options);
      return replacing(target, { create });
    },
  },
  {
    rule: 11,
    what: 'something is stored before the second look at the locks',
    operation: operation('impatient writer', async ({ process, source }) => {
      const bytes = Buffer.from(`a pack for ${source.root}`);
      const pack = { type: 'data', id: createHash('sha256').update(bytes).digest('hex') } as const;
      await process.repository.underLock({ exclusive: false }, async () => process.target.create(pack, [bytes]));
    }),
  },
  {
    rule: 11,
    what: 'snapshots are deleted under a shared lock',
    operation: operation('careless forget', async ({ process }) => {
      await using _lock = await process.repository.lock({ exclusive: false });
      for (const id of (await process.repository.list('snapshot')).map((info) => parseObjectId(info.id, 'a snapshot')))
        await process.target.delete({ type: 'snapshot', id });
    }),
  },
  {
    rule: 12,
    what: 'a run skips blobs that no index has yet',
    operation: partialBackup('greedy backup', (_, at) => at % 3 !== 0),
  },
];
