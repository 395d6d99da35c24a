import { constants } from 'node:os';
import { HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { encodeInit, encodeInitVersion, fuseMajor, oldestFuseMinor, replyHead } from './fuse-reply.ts';
import { type FuseRequest, parseRequest } from './fuse-request.ts';
import type { FuseAnswer, MountFileSystem } from './mount-file-system.ts';

const { errno } = constants;

/** Gives an answer to the kernel; false when nobody waits for it any more. */
export type SendReply = (parts: readonly Buffer[]) => boolean;

export interface FuseSessionOptions {
  readonly fileSystem: MountFileSystem;
  readonly send: SendReply;
  readonly onProblem: (problem: HoldfastError) => void;
}

/**
 * Answers every request of the kernel exactly once, but those that have no answer. One that is interrupted is answered at
 * once, whatever the storage does: a process that reads from a hanging storage can be killed, and never holds up an unmount.
 */
export class FuseSession {
  readonly #fileSystem: MountFileSystem;
  readonly #send: SendReply;
  readonly #onProblem: (problem: HoldfastError) => void;
  /** Ends the waiting of requests under way. */
  readonly #waiting = new Map<bigint, (errno: number) => void>();

  constructor(options: FuseSessionOptions) {
    this.#fileSystem = options.fileSystem;
    this.#send = options.send;
    this.#onProblem = options.onProblem;
  }

  /** Requests that are not answered yet. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Takes one request, as the device gives it. Never throws and never waits. */
  handle(bytes: Buffer): void {
    const request = parseRequest(bytes);
    if (request === undefined) return;
    switch (request.kind) {
      case 'forget':
        for (const { nodeId, count } of request.forgets) this.#fileSystem.nodes.forget(nodeId, count);
        return;
      case 'interrupt':
        this.#waiting.get(request.interrupted)?.(errno.EINTR);
        return;
      case 'init':
        this.#init(request);
        return;
      default:
        void this.#answer(request);
    }
  }

  /** Answers everything under way with an error. */
  abort(): void {
    for (const end of [...this.#waiting.values()]) end(errno.ECONNABORTED);
  }

  #init(request: Extract<FuseRequest, { kind: 'init' }>): void {
    if (request.major > fuseMajor) this.#reply(request.unique, { payload: [encodeInitVersion()] });
    else if (request.major < fuseMajor || request.minor < oldestFuseMinor) {
      this.#onProblem(
        new HoldfastError('native.unavailable', {
          message: `The kernel speaks version ${request.major}.${request.minor} of FUSE; ${fuseMajor}.${oldestFuseMinor} is the oldest that can be used (Linux 3.15).`,
        }),
      );
      this.#reply(request.unique, { errno: errno.EPROTO });
    } else this.#reply(request.unique, { payload: [encodeInit(request)] });
  }

  /** Never rejects. */
  async #answer(request: FuseRequest): Promise<void> {
    const interrupted = new Promise<FuseAnswer>((resolve) => {
      this.#waiting.set(request.unique, (code) => resolve({ errno: code }));
    });
    const answer = this.#ask(request);
    const first = await Promise.race([answer, interrupted]);
    this.#waiting.delete(request.unique);
    const sent = this.#reply(request.unique, first);
    const full = await answer;
    const isTold = sent && full === first;
    for (const node of 'granted' in full ? (full.granted ?? []) : []) {
      if (isTold) this.#fileSystem.nodes.granted(node);
      else this.#fileSystem.nodes.dropped(node);
    }
  }

  async #ask(request: FuseRequest): Promise<FuseAnswer> {
    try {
      return await this.#fileSystem.answer(request);
    } catch (error) {
      const problem = isHoldfastError(error) ? error : toHoldfastError(error);
      if (problem.code !== 'run.cancelled') this.#onProblem(problem);
      return { errno: errno.EIO };
    }
  }

  #reply(unique: bigint, answer: FuseAnswer): boolean {
    const payload = 'payload' in answer ? answer.payload : [];
    const payloadBytes = payload.reduce((sum, part) => sum + part.length, 0);
    return this.#send([
      replyHead(unique, { errno: 'errno' in answer ? answer.errno : 0, payloadBytes }),
      ...payload.filter((part) => part.length > 0),
    ]);
  }
}
