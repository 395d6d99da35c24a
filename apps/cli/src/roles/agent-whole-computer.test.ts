import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless } from '@holdfast/core/testing';
import type { Run } from '@holdfast/protocol';
import { OneProcessSystem, until } from '../testing/one-process-system.ts';

/** Patterns that leave out everything but these folders, with `!`, as somebody may write them. */
function allBut(folders: readonly string[]): string[] {
  const patterns = new Set<string>();
  const waysTo = (path: string): string[] => (path === '/' ? [] : [...waysTo(dirname(path)), path]);
  const ways = folders.map(waysTo);
  for (let depth = 0; ways.some((way) => way.length > depth); depth += 1)
    for (const way of ways) {
      if (way[depth] === undefined) continue;
      patterns.add(`${way[depth - 1] ?? ''}/*`);
      for (const other of ways) if (other[depth] !== undefined) patterns.add(`!${other[depth]}`);
    }
  return [...patterns];
}

/** Gone before the folder of the test is. */
function mount(args: readonly string[], at: string): Disposable {
  mkdirSync(at, { recursive: true });
  execFileSync('mount', [...args, at]);
  return { [Symbol.dispose]: () => void execFileSync('umount', [at]) };
}

test('a whole computer: what is mounted at that moment, without what is not its own or the repository; restored as any backup', {
  skip: skipUnless({ platform: 'linux', root: true, programs: ['restic'] }),
}, async (t) => {
  const system = await OneProcessSystem.start(t);
  await system.startAgent();
  const source = join(system.folder, 'source');
  const repositories = join(system.folder, 'mover', 'repositories');
  mkdirSync(join(source, 'documents'), { recursive: true });
  writeFileSync(join(source, 'documents', 'letter'), 'dear');
  using _memory = mount(['-t', 'tmpfs', 'memory'], join(source, 'memory'));
  writeFileSync(join(source, 'memory', 'fleeting'), 'gone');
  using _again = mount(['--bind', join(source, 'documents')], join(source, 'again'));
  const { id: jobId } = await system.call((client) =>
    client.call('createJob', {
      body: {
        name: 'all of it',
        computers: [system.agentId],
        scope: { kind: 'computer' },
        excludes: allBut([source, repositories]),
        target: { kind: 'own', moverId: system.moverId },
        retries: { count: 0 },
      },
    }),
  );
  const run = async (): Promise<Run> => {
    const session = await system.call((client) => client.call('runJob', { params: { id: jobId }, body: {} }));
    return await end(async () => {
      const { runs } = await system.call((client) => client.call('runs', { query: { sessionId: session.id } }));
      return runs[0];
    });
  };

  const first = await run();
  assert.equal(first.state, 'succeeded', JSON.stringify([first.error, first.problems, first.degradations]));
  assert.ok(first.result?.kind === 'backup');
  assert.deepEqual(first.result.wholeComputer?.sources, ['/']);
  const reasons = new Map(first.result.wholeComputer.leftOut.map(({ path, reason }) => [path, reason]));
  assert.equal(reasons.get('/proc'), 'proc: made up by the system');
  assert.equal(reasons.get(join(source, 'memory')), 'tmpfs: in memory');
  assert.equal(reasons.get(repositories), "repositories and drills of this computer's mover");
  assert.equal(reasons.get(join(source, 'again')), `shows ${join(source, 'documents')} again`);
  const second = await run();
  assert.ok(second.result?.kind === 'backup');
  assert.equal(second.result.parentId, first.result.snapshotId);
  assert.equal(second.result.files.unmodified, second.result.totalFiles);

  const [repository] = await system.call((client) => client.list('repositories', {}));
  assert.ok(repository);
  const { snapshots } = await system.call((client) =>
    client.call('snapshots', { query: { repositoryId: repository.id } }),
  );
  assert.deepEqual(
    snapshots.map(({ sources }) => sources),
    [['/'], ['/']],
  );
  const { password } = await system.call((client) =>
    client.call('repositoryPassword', { params: { id: repository.id } }),
  );
  const location = join(repositories, 'local', repository.name);
  const listed = execFileSync(requireProgram('restic').path, ['-r', location, '--no-cache', 'ls', 'latest'], {
    env: { ...process.env, RESTIC_PASSWORD: password },
    encoding: 'utf8',
  }).split('\n');
  const inside = (folder: string): string[] => listed.filter((line) => line.startsWith(`${folder}/`)).sort();
  assert.deepEqual(inside(source), [
    join(source, 'again'),
    join(source, 'documents'),
    join(source, 'documents', 'letter'),
    join(source, 'memory'),
  ]);
  assert.deepEqual(inside(join(system.folder, 'mover')), [repositories]);

  const target = join(system.folder, 'restored');
  const restore = await system.call((client) =>
    client.call('createRestore', {
      body: {
        ...{
          repositoryId: repository.id,
          snapshotId: second.result?.kind === 'backup' ? second.result.snapshotId : '',
        },
        ...{ agentId: system.agentId, target, subfolder: source },
      },
    }),
  );
  const restored = await end(() => system.call((client) => client.call('run', { params: { id: restore.id } })));
  assert.equal(restored.state, 'succeeded', JSON.stringify(restored.error));
  assert.equal(readFileSync(join(target, 'documents', 'letter'), 'utf8'), 'dear');
});

async function end(look: () => Promise<Run | undefined>): Promise<Run> {
  let last: Run | undefined;
  await until('the run has ended', async () => {
    last = await look();
    return last?.endedAt !== undefined;
  });
  return last ?? assert.fail();
}
