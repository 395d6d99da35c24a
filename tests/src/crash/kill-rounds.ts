import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { Job, Repository, Run } from '@holdfast/protocol';
import { ChangingSource, describeTree, Random } from './changing-source.ts';
import { CrashSystem, type KilledRole } from './crash-system.ts';

/**
 * One process is killed at random moments of a backup, again and again. After each kill it is started as a service manager
 * would, and nothing else is done: the run that was interrupted must end with a true report, the next backup must succeed,
 * restic must find nothing wrong in any byte of the repository, and what it restores must be the source.
 */

/** On Linux only, where an agent is reached through the mover of its computer, so that a killed mover cuts both ways. */
export const crashNeeds = skipUnless({ programs: ['restic'], platform: 'linux' });

const KiB = 1024;
const MiB = 1024 * KiB;

/** Sizes of what changes before a run: mostly one pack, now and then several, so that uploads are under way for longer. */
const changeBytes = [64 * KiB, 2 * MiB, 3 * MiB, 40 * MiB] as const;
/** Every so many rounds a repository is new, so that its initialisation is what gets interrupted. */
const freshEvery = 4;
/** A killed process stays away for at most so long. */
const longestAbsenceMs = 400;
/** Snapshots of earlier rounds that are restored at the end. */
const restoredAtEnd = 6;
/**
 * Kills after the run's end prove little; a run's duration varies, so a few are to be expected. Where there are more, as on a
 * machine that others use too, further rounds are played.
 */
const leastKilledAtWork = 0.6;
const longestExtension = 2;

/** The first backup of a repository, one of several packs, one of a pack at most. */
type RunKind = 'first' | 'large' | 'small';
const firstGuessMs: Readonly<Record<RunKind, number>> = { first: 1200, large: 2000, small: 1000 };

/** One repository with the job that fills it, and what restic needs. */
interface Place {
  readonly repository: Repository;
  readonly job: Job;
  readonly password: string;
  readonly path: string;
}

/** What the source was when a snapshot of it was reported complete. */
interface Promised {
  readonly place: Place;
  readonly tree: ReadonlyMap<string, string>;
}

export async function killRounds(
  t: TestContext,
  o: { readonly role: KilledRole; readonly rounds: number; readonly seed: number },
): Promise<void> {
  const folder = temporaryFolder(t);
  const system = await CrashSystem.start(folder);
  const rounds = new Rounds(system, new Random(o.seed), o.role);
  // Ended here and not in a hook: the folder is removed by the first of those.
  try {
    const needed = o.rounds * leastKilledAtWork;
    for (let round = 0; round < o.rounds || (round < o.rounds * longestExtension && rounds.atWork < needed); round++)
      await rounds.play(round, o.rounds);
    assert.ok(rounds.atWork >= needed, `only ${rounds.atWork} kills met a run under way`);
    await rounds.verifyEverything();
  } catch (error) {
    t.diagnostic(system.logs());
    throw error;
  } finally {
    for (const line of rounds.summary()) t.diagnostic(line);
    await system[Symbol.asyncDispose]();
  }
}

class Rounds {
  readonly #system: CrashSystem;
  readonly #random: Random;
  readonly #role: KilledRole;
  readonly #source: ChangingSource;
  readonly #places: Place[] = [];
  /** By snapshot id. */
  readonly #promised = new Map<string, Promised>();
  /** How long a run takes; the kill falls at a random moment of that. */
  readonly #durationMs = new Map<RunKind, number>();
  readonly #played: string[] = [];
  #atWork = 0;

  constructor(system: CrashSystem, random: Random, role: KilledRole) {
    this.#system = system;
    this.#random = random;
    this.#role = role;
    this.#source = new ChangingSource(join(system.folder, 'source'), { random, largeBytes: MiB });
  }

  /** Kills that met a run under way. */
  get atWork(): number {
    return this.#atWork;
  }

  async play(round: number, rounds: number): Promise<void> {
    const isFresh = round % freshEvery === 0;
    const place = isFresh ? await this.#makePlace(round) : this.#lastPlace();
    const size = changeBytes[this.#random.below(changeBytes.length)] ?? MiB;
    this.#source.change(size);
    const kind = isFresh ? 'first' : size > 8 * MiB ? 'large' : 'small';

    // Golden-ratio steps spread the moments evenly over the whole run, whatever the number of rounds; chance does the rest.
    const fraction = (round * 0.618034 + this.#random.next() / rounds) % 1;
    const { run: started, told } = await this.#runAndKill(place, kind, fraction);
    const interrupted = await this.#system.ended(started);
    this.#requireHonest(interrupted, place);

    this.#source.change(64 * KiB);
    const nextStartedMs = performance.now();
    const next = await this.#system.ended(await this.#runJob(place));
    const nextMs = performance.now() - nextStartedMs;
    this.#durationMs.set('small', nextMs);
    const what = `round ${round}: ${told}, which ended ${interrupted.state}${interrupted.error ? ` (${interrupted.error.code})` : ''}; next ${next.state} after ${Math.round(nextMs)} ms`;
    this.#played.push(what);
    assert.ok(next.state === 'succeeded' || next.state === 'warning', `${what}: ${JSON.stringify(next.error)}`);
    assert.equal(next.problemCount, 0, `${what}: ${JSON.stringify(next.problems)}`);
    this.#requireHonest(next, place);

    // Takes an exclusive lock: whatever lock the killed process left would stop it.
    await restic(place, ['check', '--read-data', '--no-cache', '--quiet']);
    await this.#requireRestored(snapshotOf(next), what);
  }

  async #runAndKill(place: Place, kind: RunKind, fraction: number): Promise<{ run: Run; told: string }> {
    const expectedMs = this.#durationMs.get(kind) ?? firstGuessMs[kind];
    const startedMs = performance.now();
    const run = await this.#runJob(place);
    await sleep(Math.max(0, fraction * expectedMs - (performance.now() - startedMs)));
    const killedMs = performance.now() - startedMs;
    await this.#system.kill(this.#role);
    const { state, startedAt = '', endedAt = '' } = await this.#system.client.call('run', { params: { id: run.id } });
    const isAtWork = state === 'running' || state === 'queued';
    if (isAtWork) this.#atWork++;
    const left = leftBehind(place);
    // Nobody knows how long a killed run would have taken: one that was still at work near its expected end takes longer.
    if (isAtWork && fraction > 0.8) this.#durationMs.set(kind, expectedMs * 1.25);
    if (!isAtWork)
      this.#durationMs.set(kind, Math.min(killedMs, Date.parse(endedAt) - Date.parse(startedAt) || killedMs));
    await sleep(this.#random.below(longestAbsenceMs));
    await this.#system.restart(this.#role);
    const told = `${this.#role} killed ${Math.round(killedMs)} ms into a ${kind} run, ${isAtWork ? '' : 'which had ended, '}with ${left || 'nothing'} stored`;
    return { run, told };
  }

  /** Every snapshot that the server lists was promised by a run, exists, and those of earlier rounds still restore. */
  async verifyEverything(): Promise<void> {
    const { snapshots: listed } = await this.#system.client.call('snapshots', { query: { limit: 1000 } });
    assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(this.#promised.keys()));
    for (const place of this.#places) {
      const present = JSON.parse(await restic(place, ['snapshots', '--json', '--no-lock', '--no-cache'])) as {
        id: string;
      }[];
      const ids = new Set(present.map(({ id }) => id));
      for (const { id, repositoryId } of listed)
        if (repositoryId === place.repository.id) assert.ok(ids.has(id), `${id} was reported complete and is gone`);
      await restic(place, ['check', '--read-data', '--no-cache', '--quiet']);
    }
    const all = [...this.#promised.keys()];
    const every = Math.max(1, Math.floor(all.length / restoredAtEnd));
    for (let at = 0; at < all.length; at += every) await this.#requireRestored(all[at] ?? '', 'at the end');
  }

  summary(): readonly string[] {
    return [
      ...this.#played,
      `${this.#atWork} kills met a run under way; ${this.#promised.size} snapshots were reported`,
    ];
  }

  async #makePlace(round: number): Promise<Place> {
    const { client, agentId, moverId } = this.#system;
    const name = `place-${round}`;
    const repository = await client.call('createRepository', { body: { name, moverId } });
    const job = await client.call('createJob', {
      body: {
        name,
        computers: [agentId],
        target: { kind: 'shared', repositoryId: repository.id },
        scope: { kind: 'folders', paths: [this.#source.path] },
        retries: { count: 0 },
      },
    });
    const { password } = await client.call('repositoryPassword', { params: { id: repository.id } });
    const [tenant = ''] = readdirSync(join(this.#system.folder, 'repositories'));
    const place = { repository, job, password, path: join(this.#system.folder, 'repositories', tenant, name) };
    this.#places.push(place);
    return place;
  }

  #lastPlace(): Place {
    const place = this.#places.at(-1);
    assert.ok(place);
    return place;
  }

  async #runJob(place: Place): Promise<Run> {
    const { client } = this.#system;
    const session = await client.call('runJob', { params: { id: place.job.id }, body: {} });
    const { runs } = await client.call('runs', { query: { sessionId: session.id } });
    return runs[0] ?? assert.fail();
  }

  /** A run that says that it made a snapshot is taken at its word from now on; one that failed says why. */
  #requireHonest(run: Run, place: Place): void {
    if (run.result) this.#promised.set(snapshotOf(run), { place, tree: describeTree(this.#source.path) });
    else assert.ok(run.state === 'failed' && run.error, JSON.stringify(run));
  }

  async #requireRestored(snapshotId: string, when: string): Promise<void> {
    const promised = this.#promised.get(snapshotId);
    assert.ok(promised);
    const target = join(this.#system.folder, 'restored');
    await restic(promised.place, ['restore', snapshotId, '--target', target, '--no-lock', '--no-cache', '--quiet']);
    assert.deepEqual(describeTree(join(target, this.#source.path)), promised.tree, `${snapshotId}, ${when}`);
    rmSync(target, { recursive: true });
  }
}

function snapshotOf(run: Run): string {
  assert.ok(run.result?.kind === 'backup', JSON.stringify(run));
  return run.result.snapshotId;
}

/** What a kill left in the repository: how far the run had come. */
function leftBehind(place: Place): string {
  const counts = ['keys', 'locks', 'data', 'index', 'snapshots', join('holdfast', 'tmp')].map((name) => {
    const files = filesBelow(join(place.path, name));
    return files === 0 ? '' : `${files} ${name}`;
  });
  return counts.filter((text) => text !== '').join(', ');
}

function filesBelow(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

const execute = promisify(execFile);

async function restic(place: Place, args: readonly string[]): Promise<string> {
  const { path } = requireProgram('restic');
  try {
    const { stdout } = await execute(path, ['-r', place.path, ...args], {
      env: { ...process.env, RESTIC_PASSWORD: place.password },
      maxBuffer: 16 * MiB,
      timeout: 120_000,
    });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`restic ${args[0]} of ${place.path}:\n${stdout}\n${stderr}`, { cause: error });
  }
}
