import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import type { Run } from '@holdfast/protocol';
import { OneProcessSystem, until } from '../testing/one-process-system.ts';
import { jsonLines, startCli } from '../testing/run-cli.ts';

const levels = ['auto', 'off', 'max'] as const;
const contentBytes = 300_000;

test('a job compresses as it says, and `session log --follow` prints what happens from before the computer is there to the end', {
  skip: skipUnless({ platform: 'linux' }),
}, async (t) => {
  const system = await OneProcessSystem.start(t);
  const { computers } = await system.call((client) => client.call('computers', { query: { role: 'agent' } }));
  const begin = async (compression: (typeof levels)[number]) => {
    const source = join(system.folder, compression);
    mkdirSync(source);
    writeFileSync(join(source, 'text'), text(compression));
    return system.call(async (client) => {
      const { id } = await client.call('createJob', {
        body: {
          ...{ name: compression, compression, computers: computers.map((one) => one.id), timeZone: 'UTC' },
          scope: { kind: 'folders', paths: [source] },
          target: { kind: 'own', moverId: system.moverId },
        },
      });
      return (await client.call('runJob', { params: { id }, body: {} })).id;
    });
  };
  /** How much it has added to the packs of data. */
  const stored = async (session: string): Promise<number> => {
    const before = sumOf(known);
    let run: Run | undefined;
    await until('the run has ended', async () => {
      ({
        runs: [run],
      } = await system.call((client) => client.call('runs', { query: { sessionId: session } })));
      return run?.endedAt !== undefined;
    });
    // The first one may be asked for by another way than usual, before the agent has registered with the mover: a warning.
    assert.equal(run?.result?.kind, 'backup', JSON.stringify(run?.error));
    known = packsOf(system.folder);
    return sumOf(known) - before;
  };
  let known = packsOf(system.folder);

  // While the computer is away the run only waits.
  const first = await begin('auto');
  const following = startCli(['session', 'log', first, '--follow', '--json', ...system.serverOptions]);
  t.after(() => following.child.kill());
  assert.ok(following.child.stdout);
  const firstLine = new Promise((resolve) =>
    createInterface(following.child.stdout ?? assert.fail()).once('line', resolve),
  );
  await system.startAgent();
  await Promise.race([firstLine, following.ended]);
  const { status, stdout, stderr } = await following.ended;
  assert.equal(status, 0, stderr);
  const messages = jsonLines(stdout).map(({ kind, message }) => `${String(kind)}: ${String(message)}`);
  const kept = await system.call((client) => client.list('sessionLog', { params: { id: first } }));
  // The agent's time is the test's, so that the order by time is another one.
  assert.deepEqual(messages.toSorted(), kept.map(({ message }) => `log: ${message}`).toSorted());
  assert.ok(messages.includes('log: The backup has ended'), messages.join('\n'));

  const sizes = {
    auto: await stored(first),
    off: await stored(await begin('off')),
    max: await stored(await begin('max')),
  };
  assert.ok(sizes.off > contentBytes, `${sizes.off}`);
  assert.ok(sizes.auto < sizes.off / 2, `${sizes.auto} of ${sizes.off}`);
  assert.ok(sizes.max < sizes.auto * 0.97, `${sizes.max} of ${sizes.auto}`);
});

/** Words in an order that only the seed tells: as long for each, and compressed about as well. */
function text(seed: string): string {
  const words = Array.from({ length: 2_000 }, (_, at) => `word${(at * 7_919) % 10_007} `);
  let state = Buffer.from(seed).reduce((sum, byte) => sum * 31 + byte, 7) % 2_147_483_647;
  let made = '';
  while (made.length < contentBytes) {
    state = (state * 48_271) % 2_147_483_647;
    made += words[Math.floor((state / 2_147_483_647) ** 3 * words.length)] ?? '';
  }
  return made.slice(0, contentBytes);
}

function packsOf(folder: string): ReadonlyMap<string, number> {
  const data = join(folder, 'mover', 'repositories');
  const packs = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\/data\/.*[0-9a-f]{64}$/.test(path),
  );
  return new Map(packs.map((path) => [path, statSync(join(data, path)).size]));
}

function sumOf(packs: ReadonlyMap<string, number>): number {
  return [...packs.values()].reduce((sum, bytes) => sum + bytes, 0);
}
