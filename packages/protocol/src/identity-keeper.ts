import type { ChannelId } from '@holdfast/contract';
import { type Clock, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import { httpClient, type Identity, type Wire } from '@holdfast/wire';
import { checkCertificate } from './enrol-client.ts';
import { certificateAnswer, renewPath } from './enrolment.ts';
import { parseMessage } from './error-report.ts';
import { enrolTimeoutMs, maxJsonBytes, renewalCheckIntervalMs } from './limits.ts';
import { refusalOf } from './problem.ts';
import { newKeyAndRequest } from './signing-request.ts';
import { type StoredIdentity, saveIdentity, validity } from './stored-identity.ts';

export interface RenewalOptions {
  readonly wire: Wire;
  /** `posix-agent-control`, `windows-agent-control` or `mover-to-server`. */
  readonly channel: ChannelId;
  /** True while a run uses grants that are bound to the certificate in use: then renewal waits, until nine tenths of the lifetime. */
  readonly busy?: () => boolean;
  readonly onRenewed?: (identity: StoredIdentity) => void;
  /** Renewal failed and is tried again; say so before the certificate expires. */
  readonly onFailure: (error: HoldfastError) => void;
}

/**
 * Holds the identity of a process and renews its certificate at two thirds of its lifetime. Give `() => keeper.identity` to
 * `createWire`, then call `start`.
 */
export class IdentityKeeper implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #stored: StoredIdentity;
  #running: Promise<void> | undefined;

  constructor(options: { dataDir: string; stored: StoredIdentity; clock?: Clock }) {
    this.#dataDir = options.dataDir;
    this.#stored = options.stored;
    this.#clock = options.clock ?? systemClock;
  }

  get stored(): StoredIdentity {
    return this.#stored;
  }

  get identity(): Identity {
    return this.#stored;
  }

  /** Watches the lifetime until disposed. */
  start(options: RenewalOptions): void {
    this.#running ??= this.#watch(options);
  }

  async #watch(options: RenewalOptions): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        if (this.#isDue(options.busy?.() ?? false)) {
          await this.renew({ ...options, signal });
          options.onRenewed?.(this.#stored);
        }
      } catch (error) {
        if (!signal.aborted) options.onFailure(toHoldfastError(error));
      }
      // Short steps: a computer that slept, or whose clock was set, must notice soon.
      try {
        await this.#clock.sleep(this.#stepMs(), signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }
  }

  #isDue(busy: boolean): boolean {
    const { from, to } = validity(this.#stored);
    const share = busy ? 9 / 10 : 2 / 3;
    return this.#clock.now().getTime() >= from.getTime() + (to.getTime() - from.getTime()) * share;
  }

  /** A sixtieth of the lifetime, so that even a certificate of a few minutes gets several tries. */
  #stepMs(): number {
    const { from, to } = validity(this.#stored);
    return Math.min(renewalCheckIntervalMs, Math.max(1_000, (to.getTime() - from.getTime()) / 60));
  }

  /** Gets a certificate for a new key now and stores both before they are used. */
  async renew(options: Pick<RenewalOptions, 'wire' | 'channel'> & { signal?: AbortSignal }): Promise<void> {
    const { server } = this.#stored;
    const { privateKeyPem, signingRequest } = await newKeyAndRequest();
    const http = httpClient({
      connections: 1,
      connect: (signal) =>
        options.wire.dial(options.channel, server.host, {
          ...(server.port === undefined ? {} : { port: server.port }),
          peerId: server.id,
          signal,
        }),
    });
    try {
      const response = await http.request({
        method: 'POST',
        path: renewPath,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ signingRequest }),
        timeoutMs: enrolTimeoutMs,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      const body = await response.json(maxJsonBytes);
      if (response.status !== 200) throw refusalOf(response, body, 'The renewal of the certificate');
      const { certificatePem, caPem } = parseMessage(certificateAnswer, body, 'The answer to the renewal');
      const renewed: StoredIdentity = { ...this.#stored, certificatePem, caPem, privateKeyPem };
      checkCertificate(renewed);
      await saveIdentity(this.#dataDir, renewed);
      this.#stored = renewed;
    } finally {
      await http.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#running;
  }
}
