import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@holdfast/core';
import { freePort, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { Run } from '@holdfast/protocol';
import { TestServer } from '@holdfast/server/testing';
import { documented, wordsOf } from '../testing/documented-commands.ts';
import { runCli } from '../testing/run-cli.ts';

/** Drills that the schedule starts, on a server whose days the test makes pass, by a real mover and its executor. */

const dayMs = 86_400_000;
const cliFile = join(import.meta.dirname, '..', 'main.mjs');
/** The program, but that an executor waits as long as a file is there: what is killed then is within its drill for certain. */
const program = (waits: string): string => `import { existsSync } from 'node:fs';
const isHeld = process.argv[2] === 'execute' && existsSync(${JSON.stringify(waits)});
if (isHeld) process.stdin.on('end', () => process.exit()).resume();
else await import(${JSON.stringify(cliFile)});
`;

describe('drills by schedule', { skip: skipUnless({ platform: 'linux' }) }, () => {
  const folder = temporaryFolder({ after });
  const [sandboxes, storage, waits] = ['drills', 'storage', 'waits'].map((name) => join(folder, name)) as [
    ...[string, string, string],
  ];
  const held = join(folder, 'held.mjs');
  const clock = new ManualClock(new Date());
  let server: TestServer;
  let mover: ChildProcess;
  let repositoryId: string;

  async function startMover(): Promise<void> {
    mover = spawn(
      process.execPath,
      [held, 'mover', '--data', join(folder, 'mover'), '--config', `${folder}/mover.json`],
      {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      },
    );
    const [message] = (await once(mover, 'message')) as [{ kind: string }];
    assert.equal(message.kind, 'ready');
  }
  async function killMover(): Promise<void> {
    const ended = once(mover, 'exit');
    mover.kill('SIGKILL');
    await ended;
  }
  /** Drills that have ended, the oldest first. */
  async function ended(): Promise<Run[]> {
    const { runs } = await server.client.call('runs', { query: {} });
    return runs.filter(({ kind, endedAt }) => kind === 'drill' && endedAt !== undefined).toReversed();
  }
  /** A day passes, then as much time as it takes until so many drills have ended. */
  async function nextDrill(onLook: () => void = () => undefined): Promise<Run> {
    const count = (await ended()).length + 1;
    clock.advance(dayMs);
    for (let steps = 0; steps < 100; steps += 1) {
      for (let looks = 0; looks < 100; looks += 1) {
        onLook();
        const runs = await ended();
        if (runs.length >= count) return runs.at(-1) ?? assert.fail();
        await delay(10);
      }
      clock.advance(5_000);
    }
    assert.fail(`drill ${count} has not ended`);
  }
  /** What is done, once, with the executor of the next drill: in the sandbox is what it had restored by then. */
  function withinDrill(act: (pids: readonly number[]) => void): {
    readonly onLook: () => void;
    readonly left: () => string;
  } {
    const children = (): number[] =>
      (readFileSync(`/proc/${mover.pid}/task/${mover.pid}/children`, 'utf8').match(/\d+/g) ?? []).map(Number);
    // One that is kept for whoever looks around may still be there.
    const others = children();
    writeFileSync(waits, '');
    let sandbox: string | undefined;
    const onLook = (): void => {
      const pids = children().filter((pid) => !others.includes(pid));
      const [name] = readdirSync(sandboxes);
      if (sandbox !== undefined || pids.length === 0 || name === undefined) return;
      sandbox = name;
      writeFileSync(join(sandboxes, name, 'half'), 'restored');
      act(pids);
    };
    return { onLook, left: () => sandbox ?? assert.fail('nothing was killed') };
  }
  /** The chain of receipts, from the first on, verified without the server. */
  async function receipts(): Promise<string> {
    const env = { HOLDFAST_DATA: folder };
    const [keys, exported] = [join(folder, 'keys.json'), join(folder, 'receipts.jws')];
    writeFileSync(keys, JSON.stringify({ server: await server.client.call('status', {}) }));
    const all = await server.client.list('receipts', {});
    const lines = all.toSorted((a, b) => a.number - b.number).map(({ jws }) => `${jws}\n`);
    writeFileSync(exported, lines.join(''));
    const { status, stdout, stderr } = await runCli(['receipt', 'verify', exported, '--keys', keys], { env });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  before(async () => {
    const source = join(folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'what must come back\n'.repeat(10_000));
    const password = join(folder, 'password');
    writeFileSync(password, 'correct horse battery staple');
    const repo = ['--repo', join(storage, 'local', 'laptops'), '--password-file', password];
    mkdirSync(join(storage, 'local'), { recursive: true });
    for (const args of [
      ['init', ...repo],
      ['backup', ...repo, source],
    ]) {
      const { status, stderr } = await runCli(args);
      assert.equal(status, 0, stderr);
    }
    server = await TestServer.start(folder, { clock });
    const port = await freePort();
    const { token, caFingerprint } = await server.client.call('createToken', { body: { role: 'mover' } });
    const control = server.running.portOf('posix-agent-control');
    const joined = await runCli(
      [
        ...['enroll', '--role', 'mover', '--server', `127.0.0.1:${control}`, '--address', '127.0.0.1'],
        ...['--ca-fingerprint', caFingerprint, '--token-file', '-', '--data', join(folder, 'mover')],
      ],
      { input: token },
    );
    assert.equal(joined.status, 0, joined.stderr);
    writeFileSync(
      join(folder, 'mover.json'),
      JSON.stringify({
        ...{ bind: '127.0.0.1', storageRoot: storage, drillFolder: sandboxes, ports: { 'server-to-mover': port } },
        ...{ server: { host: '127.0.0.1', port: control }, localSocket: join(folder, 'mover.sock') },
      }),
    );
    writeFileSync(held, program(waits));
    await startMover();
    // It tells the server its port, and is contacted then.
    const here = async () =>
      (await server.client.call('computers', { query: {} })).computers.find(({ state }) => state === 'online')?.id;
    for (let looks = 0; (await here()) === undefined; looks += 1) {
      assert.ok(looks < 600, 'the mover does not come online');
      await delay(50);
      clock.advance(1_000);
    }
    const id = (await here()) ?? assert.fail();
    const body = { name: 'laptops', password: 'correct horse battery staple' };
    const imported = await server.client.call('importRepository', { params: { id }, body });
    assert.equal(imported.snapshots, 1);
    repositoryId = imported.repository.id;
    const manual = { kind: 'manual' } as const;
    await server.client.call('setRepositoryMaintenance', {
      params: { id: repositoryId },
      body: { forget: manual, prune: manual, check: manual, drill: { kind: 'daily', at: '06:00' } },
    });
    // From its first look on the scheduler knows what is due: a day that passes before it is not looked for.
    const looked = () => server.readDatabase(`select 1 from "maintenanceStates" where "kind" = 'drill'`);
    for (let looks = 0; (await looked()).length === 0; looks += 1) {
      assert.ok(looks < 600, 'the scheduler does not look');
      await delay(50);
      clock.advance(1_000);
    }
  });
  after(async () => {
    await killMover();
    await server[Symbol.asyncDispose]();
  });

  test('one comes due by itself each day, and leaves a receipt and nothing else', async () => {
    const run = await nextDrill();
    assert.equal(run.state, 'succeeded', JSON.stringify(run.error ?? run.problems));
    assert.ok(run.result?.kind === 'drill' && run.result.files === 1);
    assert.deepEqual(readdirSync(sandboxes), []);
    assert.match(await receipts(), /1 receipt .*1 good/);
  });

  test('an executor that is killed fails its drill, in plain words; the sandbox goes, and the next one is good', async () => {
    const { onLook, left } = withinDrill((pids) => {
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      rmSync(waits);
    });
    const run = await nextDrill(onLook);
    assert.notEqual(left(), '');
    assert.equal(run.state, 'failed');
    assert.match(run.error?.message ?? '', /The process that opens the repository ended before its work did \(SIGKILL/);
    assert.deepEqual(readdirSync(sandboxes), []);
    assert.equal((await nextDrill()).state, 'succeeded');
    assert.match(await receipts(), /3 receipts .*2 good, 1 failed/);
  });

  test('a mover that is killed within a drill: what it leaves goes when it starts again, and the chain goes on', async () => {
    const again: Promise<void>[] = [];
    const { onLook, left } = withinDrill(() => {
      const killed = killMover();
      again.push(killed.then(() => rmSync(waits)).then(startMover));
    });
    const run = await nextDrill(onLook);
    await Promise.all(again);
    // The mover that has started again does the task anew; one that takes too long for that fails it, for a reason of the network.
    if (run.state !== 'succeeded') assert.match(run.error?.code ?? run.state, /^(channel|run)[.]/);
    assert.ok(!readdirSync(sandboxes).includes(left()));
    assert.equal((await nextDrill()).state, 'succeeded');
    assert.match(await receipts(), /5 receipts /);
  });

  test('docs/drills.md: its commands, as they stand there', async (t) => {
    const { caFile, tokenFile, portOf } = server.running;
    const address = { host: '127.0.0.1', port: portOf('client-to-server') };
    writeFileSync(join(folder, 'connection.json'), JSON.stringify({ ...address, caFile, tokenFile }));
    const lines = documented('drills.md').map((line) => wordsOf(line).slice(1));
    assert.equal(lines.length, 7);
    const printed = new Map<string, string>();
    // Who follows a session is told of it from time to time.
    const passing = setInterval(() => clock.advance(1_000), 100);
    t.after(() => clearInterval(passing));
    for (const words of lines) {
      const at = words.indexOf('>');
      const args = at < 0 ? words : words.slice(0, at);
      // What an earlier verification has printed.
      const head = args.indexOf('--expect');
      if (head >= 0) args[head + 1] = /\b\d+:[0-9a-f]{64}\b/.exec(await receipts())?.[0] ?? assert.fail();
      const { status, stdout, stderr } = await runCli(args, {
        cwd: folder,
        env: { HOLDFAST_DATA: folder, INIT_CWD: folder },
      });
      assert.equal(status, 0, `${words.join(' ')}\n${stderr}`);
      printed.set(args.slice(0, 2).join(' '), stdout);
      if (at >= 0) writeFileSync(join(folder, words[at + 1] ?? ''), stdout);
    }
    assert.match(printed.get('receipt verify') ?? '', /6 receipts /);
    assert.match(printed.get('drill list') ?? '', /Last good drill/);
    const { drill } = await server.client.call('repositoryMaintenance', { params: { id: repositoryId } });
    assert.deepEqual(drill, { kind: 'weekly', days: ['saturday'], at: '06:00' });
  });
});
