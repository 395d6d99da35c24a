import { type Clock, formatDuration, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import type { Target } from '@holdfast/storage';
import { isDamage } from '../damage.ts';
import { deleteObject } from '../delete-object.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import {
  decodeLockFile,
  describeLock,
  encodeLockFile,
  isStale,
  type LockFile,
  newLockFile,
} from '../format/lock-file.ts';
import { type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import { decodeFile, encodeFile } from '../format/unpacked-file.ts';
import { limits } from '../limits.ts';

/**
 * restic's lock protocol: look for other locks, create ours, wait 200 ms, look again; refresh every 5 minutes by
 * creating a new file and deleting the old one; give up the work when that failed for 22.5 minutes, because from 30
 * minutes on others may take the lock for abandoned.
 *
 * Where lists are never late, who shares does not wait: whoever works alone and made a lock too late for our second look shows
 * ours in its own. Who works alone always waits, for the sake of those who read before their second look: they looked at most
 * 100 ms before their lock was there (`lockPromptMs`), so a lock that their first look did not show still waits then, and its
 * maker sees theirs. Who works alone never reads before it: who shares may have come, written and gone within those 200 ms.
 */

export interface LockOptions {
  /** Alone (forget, the end of a prune), or beside other non-exclusive ones (backup, restore, check). */
  readonly exclusive: boolean;
  /** Waits so long for locks of others to go, and looks after 5, 10, 20, 40 and then every 60 seconds. 0 if left out. */
  readonly retryMs?: number | undefined;
  /** Told once, before the first wait, why it has to wait and how long at most: the refusal says who holds the lock. */
  readonly onWait?: ((refusal: HoldfastError, retryMs: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of locks that could not be deleted or read: they do no harm now, but stay. */
  readonly onProblem?: ((problem: HoldfastError) => void) | undefined;
}

export interface LockContext {
  readonly target: Target;
  readonly cipher: BlobCipher;
  readonly clock: Clock;
}

/** restic asks a process whether it lives by sending SIGHUP, which must not end the holder of a lock. */
const ignoreHangup = (): void => {};
let holders = 0;

/**
 * Locks that this process made and could not delete, because the way to the storage broke. We live, so others respect them
 * until they are 30 minutes old; whoever locks that repository next in this process removes them.
 */
const abandoned = new Set<ObjectId>();

function holdHangup(): void {
  holders += 1;
  if (holders === 1) process.on('SIGHUP', ignoreHangup);
}

function releaseHangup(): void {
  holders -= 1;
  if (holders === 0) process.off('SIGHUP', ignoreHangup);
}

export class RepositoryLock implements AsyncDisposable {
  readonly exclusive: boolean;
  readonly #context: LockContext;
  readonly #onProblem: (problem: HoldfastError) => void;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  #id: ObjectId | undefined;
  /** Old files of ours whose deletion failed; tried again with each refresh and at the end. */
  readonly #leftOver = new Set<ObjectId>();
  #refreshedMs = 0;
  #triedMs = 0;
  /** With the second look, and what it found. */
  #settled: Promise<HoldfastError | undefined> | undefined;
  #refreshing: Promise<void> | undefined;
  #late: Promise<void> | undefined;

  private constructor(context: LockContext, options: LockOptions) {
    this.#context = context;
    this.exclusive = options.exclusive;
    this.#onProblem = options.onProblem ?? (() => {});
  }

  /** Gives a confirmed lock. @throws repository.locked, run.cancelled, and what the target throws */
  static acquire(context: LockContext, options: LockOptions): Promise<RepositoryLock> {
    return patiently(context, options, async () => {
      const { lock } = await RepositoryLock.#begin(context, options);
      const problem = await lock.#settled;
      if (problem === undefined) return lock;
      await lock[Symbol.asyncDispose]();
      throw problem;
    });
  }

  /**
   * Works under a lock that need not be confirmed yet unless it is exclusive: the work begins as soon as the lock's file is
   * there, only reads, and awaits `confirm` before it changes anything. When the second look finds somebody else, the lock's signal aborts, what came
   * of the work is dropped, and it begins anew if there is time to wait for the other.
   * @throws as `acquire`, and what the work throws
   */
  static async under<Result>(
    context: LockContext,
    options: LockOptions,
    work: (lock: RepositoryLock) => Promise<Result>,
  ): Promise<Result> {
    const outcome = await patiently(context, options, async () => {
      const begun = await RepositoryLock.#begin(context, options);
      await using lock = begun.lock;
      if (!begun.prompt) await lock.confirm();
      const [settled] = await Promise.allSettled([work(lock)]);
      const problem = await lock.#settled;
      if (problem !== undefined) throw problem;
      return settled;
    });
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  /**
   * Looks, and makes the lock's file. If that was `prompt`, what is read from now on stays true, or the second look finds out:
   * who made an exclusive lock too late for our first look makes the second one when ours is there, and refuses.
   */
  static async #begin(
    context: LockContext,
    options: LockOptions,
  ): Promise<{ readonly lock: RepositoryLock; readonly prompt: boolean }> {
    const { clock } = context;
    const { signal } = options;
    const lock = new RepositoryLock(context, options);
    const begin = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
    await lock.#refuseOthers(signal);
    holdHangup();
    try {
      await lock.#create(signal);
    } catch (error) {
      await lock.#release();
      throw toHoldfastError(error);
    }
    // By two clocks: one stands still while the computer sleeps, the other may be set.
    const tookMs = Math.max(clock.now().getTime() - begin.wallMs, clock.monotonicMs() - begin.monotonicMs);
    lock.#settled = lock.#settle(signal);
    return { lock, prompt: !options.exclusive && tookMs < limits.lockPromptMs };
  }

  /** Never rejects: gives what is the matter. */
  async #settle(given: AbortSignal | undefined): Promise<HoldfastError | undefined> {
    const signal = given === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, given]);
    const { target, clock } = this.#context;
    try {
      if (this.exclusive || !target.capabilities.consistentLists) await clock.sleep(limits.lockSettleMs, signal);
      // Whoever created a lock at the same moment is visible by now, to us or to them or to both.
      await this.#refuseOthers(signal);
      this.#refreshing = this.#keepFresh();
      return undefined;
    } catch (error) {
      const problem = toHoldfastError(error);
      this.#lost.abort(problem);
      return problem;
    }
  }

  /** It was given back, or is about to be. */
  get released(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Aborts, with `repository.locked` as its reason, when the lock could not be kept: the work must stop at once. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** The name of the lock's present file; it changes with each refresh. */
  get id(): ObjectId | undefined {
    return this.#id;
  }

  /**
   * For every step that changes the repository: waits for the second look. A computer that has just woken up may hold a lock
   * that somebody took for abandoned, before anything here has noticed; while the lock is fresh this asks nobody.
   * @throws repository.locked when somebody else was faster or it was lost, and what the target throws
   */
  async confirm(signal?: AbortSignal): Promise<void> {
    await this.#settled;
    this.#lost.signal.throwIfAborted();
    if (this.#ageMs() < limits.lockLostMs) return;
    const stop = this.#stop.signal;
    await this.#refreshLate(signal === undefined ? stop : AbortSignal.any([stop, signal]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#settled;
    await this.#refreshing;
    await this.#release();
  }

  async #release(): Promise<void> {
    releaseHangup();
    const signal = AbortSignal.timeout(limits.lockReleaseTimeoutMs);
    if (this.#id !== undefined) this.#leftOver.add(this.#id);
    this.#id = undefined;
    await this.#deleteLeftOver(signal);
    for (const id of this.#leftOver) {
      const [oldest] = abandoned;
      if (abandoned.size >= limits.lockMaxFiles && oldest !== undefined) abandoned.delete(oldest);
      abandoned.add(id);
    }
  }

  async #create(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#context.clock.now();
    const file = encodeFile(this.#context.cipher, encodeLockFile(newLockFile(now, this.exclusive)));
    // Known before it is there: when the answer is lost the file may have been stored all the same.
    this.#leftOver.add(file.id);
    await this.#context.target.create({ type: 'lock', id: file.id }, [file.bytes], {
      signal,
      exclusiveLock: this.exclusive,
    });
    this.#leftOver.delete(file.id);
    if (this.#id !== undefined) this.#leftOver.add(this.#id);
    this.#id = file.id;
    this.#refreshedMs = now.getTime();
    this.#triedMs = now.getTime();
  }

  async #deleteLeftOver(signal: AbortSignal): Promise<void> {
    for (const id of this.#leftOver) {
      try {
        await deleteObject(this.#context.target, { type: 'lock', id }, { signal });
        this.#leftOver.delete(id);
      } catch (error) {
        this.#onProblem(problemWith(id, 'could not be deleted', error));
      }
    }
  }

  /** Wall clock, in small steps: timers stand still while the computer sleeps, and the lock grows old all the same. */
  async #keepFresh(): Promise<void> {
    const { clock } = this.#context;
    const stop = this.#stop.signal;
    while (!stop.aborted && !this.#lost.signal.aborted) {
      try {
        await clock.sleep(limits.lockPollMs, stop);
        if (this.#ageMs() >= limits.lockLostMs) await this.#refreshLate(stop);
        else if (clock.now().getTime() - this.#triedMs >= limits.lockRefreshMs) await this.#refresh(stop);
      } catch (error) {
        if (!stop.aborted) this.#onProblem(problemWith(this.#id, 'could not be refreshed', error));
      }
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const before = this.#triedMs;
    this.#triedMs = this.#context.clock.now().getTime();
    try {
      await this.#create(signal);
    } catch (error) {
      // Not in five minutes but in a tenth of that: there is time for many attempts.
      this.#triedMs = Math.max(before, this.#triedMs - limits.lockRefreshMs * 0.9);
      throw error;
    }
    await this.#deleteLeftOver(signal);
  }

  #ageMs(): number {
    return this.#context.clock.now().getTime() - this.#refreshedMs;
  }

  /** One at a time: a second one would take the first's new file for somebody else's doing. */
  #refreshLate(signal: AbortSignal): Promise<void> {
    this.#late ??= this.#keepIfOurs(signal).finally(() => {
      this.#late = undefined;
    });
    return this.#late;
  }

  /** Nearly too late. Only if our file is still there before and after may we go on: nobody has removed it meanwhile. */
  async #keepIfOurs(signal: AbortSignal): Promise<void> {
    const old = this.#id;
    try {
      if (old === undefined || !(await this.#exists(old, signal))) throw this.#lostError();
      await this.#create(signal);
      await this.#context.clock.sleep(limits.lockSettleMs, signal);
      if (!(await this.#exists(old, signal))) throw this.#lostError();
      await this.#deleteLeftOver(signal);
    } catch (error) {
      if (!signal.aborted) this.#lost.abort(this.#lostError(error));
      throw error;
    }
  }

  async #exists(id: ObjectId, signal: AbortSignal): Promise<boolean> {
    return (await this.#context.target.stat({ type: 'lock', id }, { signal })) !== undefined;
  }

  #lostError(cause?: unknown): HoldfastError {
    if (hasCode(cause, 'repository.locked')) return cause;
    return new HoldfastError('repository.locked', {
      message: 'The lock of the repository could not be refreshed in time, so others may take it for abandoned.',
      guidance: 'The work was stopped before it could harm anything. Start it again; check that the storage answers.',
      cause,
    });
  }

  async #refuseOthers(signal: AbortSignal | undefined): Promise<void> {
    for await (const found of listLocks(this.#context, signal)) {
      if (found.id === this.#id || this.#leftOver.has(found.id)) continue;
      if ('problem' in found) {
        // An unreadable lock may be anybody's: only who needs to be alone has to take it seriously.
        if (this.exclusive) throw found.problem;
        this.#onProblem(found.problem);
        continue;
      }
      if (abandoned.has(found.id) || isStale(found.lock, this.#context.clock.now())) {
        await this.#removeStale(found.id, signal);
      } else if (this.exclusive || found.lock.exclusive) {
        throw new HoldfastError('repository.locked', {
          message: `The repository is ${describeLock(found.lock)}, lock ${shortId(found.id)}.`,
          context: { lock: found.id, exclusive: found.lock.exclusive, host: found.lock.hostname },
        });
      }
    }
  }

  /** Its holder is gone, so it is ignored; where it can't be deleted, it stays and is ignored again. */
  async #removeStale(id: ObjectId, signal: AbortSignal | undefined): Promise<void> {
    try {
      await deleteObject(this.#context.target, { type: 'lock', id }, { signal });
      abandoned.delete(id);
    } catch (error) {
      signal?.throwIfAborted();
      this.#onProblem(problemWith(id, 'is abandoned but could not be deleted', error));
    }
  }
}

/** Attempts until one succeeds or fails, or no time is left to wait for locks of others. */
async function patiently<Result>(
  { clock }: LockContext,
  options: LockOptions,
  attempt: () => Promise<Result>,
): Promise<Result> {
  const { signal, retryMs = 0 } = options;
  const giveUpMs = clock.monotonicMs() + retryMs;
  for (let pauseMs: number = limits.lockRetryFirstMs; ; pauseMs = Math.min(pauseMs * 2, limits.lockRetryLongestMs)) {
    try {
      return await attempt();
    } catch (error) {
      const leftMs = giveUpMs - clock.monotonicMs();
      if (!hasCode(error, 'repository.locked')) throw error;
      if (leftMs <= 0) throw retryMs === 0 ? error : waitedInVain(error, retryMs);
      if (pauseMs === limits.lockRetryFirstMs) options.onWait?.(error, retryMs);
      // Spread a little, so that two who refused each other do not meet again at the next moment; the last look is at the end.
      await clock.sleep(Math.min(pauseMs * (1 + Math.random() * limits.lockRetrySpread), leftMs), signal);
    }
  }
}

function waitedInVain(refusal: HoldfastError, retryMs: number): HoldfastError {
  return new HoldfastError('repository.locked', {
    message: `${refusal.message} It still was after a wait of ${formatDuration(retryMs)}.`,
    context: refusal.context,
    cause: refusal,
  });
}

export type FoundLock =
  | { readonly id: ObjectId; readonly lock: LockFile }
  | { readonly id: ObjectId; readonly problem: HoldfastError };

/** All locks; those that can't be read come with the problem. One that vanishes meanwhile is left out. */
export async function* listLocks(
  context: Pick<LockContext, 'target' | 'cipher'>,
  signal?: AbortSignal,
): AsyncGenerator<FoundLock> {
  let count = 0;
  for await (const page of context.target.list('lock', { signal })) {
    for (const info of page) {
      count += 1;
      if (count > limits.lockMaxFiles)
        throw new HoldfastError('internal.limit', { message: `There are more than ${limits.lockMaxFiles} locks.` });
      // A crash between creating and writing leaves an empty file on some storages: not a lock yet.
      if (info.sizeBytes === 0) continue;
      const id = parseObjectId(info.id, 'The list of locks');
      const what = `Lock ${shortId(id)}`;
      try {
        if (info.sizeBytes > limits.lockFileMaxSizeBytes)
          throw new HoldfastError('internal.limit', { message: `${what} is too large to be one.` });
        const bytes = await context.target.read({ type: 'lock', id }, { signal });
        yield { id, lock: decodeLockFile(decodeFile(context.cipher, bytes, { id, what }), what) };
      } catch (error) {
        if (hasCode(error, 'storage.missing')) continue;
        if (!isDamage(error)) throw error;
        yield { id, problem: error };
      }
    }
  }
}

function problemWith(id: ObjectId | undefined, what: string, cause: unknown): HoldfastError {
  const { code, retry, message } = toHoldfastError(cause);
  return new HoldfastError(code, { message: `Lock ${shortId(id ?? '')} ${what}: ${message}`, retry, cause });
}
