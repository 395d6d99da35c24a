import { createHash, randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, errnoOf, HoldfastError } from '@holdfast/core';
import {
  type Grant,
  GrantVerifier,
  type IdentityKey,
  type TrustUpdate,
  trustUpdate,
  writeFileDurably,
} from '@holdfast/protocol';
import { maxCachedGrants, maxGrantBytes, maxTrustBytes } from './limits.ts';
import type { TrafficLimits } from './traffic/traffic-limits.ts';

const fileName = 'trust.json';

/**
 * Whom this mover believes: the pinned keys that sign grants, and the certificates that are revoked; and the traffic rules, which come
 * with that. Survives restarts.
 */
export class Trust {
  readonly #path: string;
  readonly #installation: string;
  readonly #clock: Clock;
  readonly #verified = new Map<string, Grant>();
  #revoked: ReadonlySet<string>;
  #revokedGrants: ReadonlySet<string>;
  readonly #traffic: TrafficLimits;
  #verifier: GrantVerifier;
  #saving: Promise<void> = Promise.resolve();
  /** Of this start of the mover: what a server knows from before says nothing. */
  readonly #epoch = randomUUID();
  #changes = 0;
  #text: string;

  private constructor(options: {
    path: string;
    installation: string;
    state: TrustUpdate;
    traffic: TrafficLimits;
    clock: Clock;
  }) {
    this.#traffic = options.traffic;
    this.#traffic.update(options.state.trafficRules);
    this.#path = options.path;
    this.#installation = options.installation;
    this.#clock = options.clock;
    this.#revoked = new Set(options.state.revokedSerials);
    this.#revokedGrants = new Set(options.state.revokedGrants);
    this.#verifier = this.#newVerifier(options.state.identityKeys);
    this.#text = JSON.stringify(options.state);
  }

  /** Reads what was trusted last; at the first start the keys that came with the enrolment. */
  static async open(options: {
    dataDir: string;
    installation: string;
    identityKeys: readonly IdentityKey[];
    /** Follows the rules that come with trust. */
    traffic: TrafficLimits;
    clock: Clock;
  }): Promise<Trust> {
    const path = join(options.dataDir, fileName);
    const atFirst = {
      identityKeys: [...options.identityKeys],
      revokedSerials: [],
      revokedGrants: [],
      trafficRules: [],
    };
    const state = (await readState(path)) ?? atFirst;
    const { installation, traffic, clock } = options;
    return new Trust({ path, installation, state, traffic, clock });
  }

  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial);
  }

  /** Another one after each change. */
  get #revision(): string {
    return `${this.#epoch}-${this.#changes}`;
  }

  /**
   * Durable when it resolves, with the revision that it made; in force at once. Updates are applied in the order of the calls.
   * @param expected the revision that is to be replaced; whatever is there if undefined
   * @throws request.changed if there is another one
   */
  async update(next: TrustUpdate, expected?: string): Promise<string> {
    if (expected !== undefined && expected !== this.#revision)
      throw new HoldfastError('request.changed', {
        message: 'Whom the mover believes is no longer what it was when the lists were read.',
        context: { revision: this.#revision },
      });
    const text = JSON.stringify(next);
    // What is told again and again, and by each of several servers, is no change.
    if (text !== this.#text) this.#changes += 1;
    this.#text = text;
    const revision = this.#revision;
    this.#revoked = new Set(next.revokedSerials);
    this.#revokedGrants = new Set(next.revokedGrants);
    this.#traffic.update(next.trafficRules);
    this.#verifier = this.#newVerifier(next.identityKeys);
    this.#verified.clear();
    const saved = this.#saving.then(() => writeFileDurably(this.#path, text));
    // A failed save is told to its caller; the next one must still be tried.
    this.#saving = saved.then(
      () => undefined,
      () => undefined,
    );
    await saved;
    return revision;
  }

  /** Throws `grant.invalid` or `grant.expired`. */
  async verify(token: string, fingerprint: string | undefined): Promise<Grant> {
    if (token.length > maxGrantBytes)
      throw new HoldfastError('grant.invalid', { message: 'The grant is longer than any grant of ours.' });
    const key = createHash('sha256')
      .update(`${fingerprint ?? ''}\n${token}`)
      .digest('base64');
    const known = this.#verified.get(key);
    if (known && known.expiresAt > this.#clock.now()) return known;
    this.#verified.delete(key);
    const verifier = this.#verifier;
    const grant = await verifier.verify(token, { fingerprint });
    // The keys may have changed while the signature was checked.
    if (verifier !== this.#verifier) return this.verify(token, fingerprint);
    // What is kept below was never revoked: an update forgets all of it.
    if (this.#revokedGrants.has(grant.id))
      throw new HoldfastError('grant.invalid', { message: 'The grant has been revoked.' });
    if (this.#verified.size >= maxCachedGrants) {
      const [oldest] = this.#verified.keys();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(key, grant);
    return grant;
  }

  #newVerifier(keys: readonly IdentityKey[]): GrantVerifier {
    return new GrantVerifier({ installation: this.#installation, keys, clock: this.#clock });
  }
}

/** Throws if the file is there but damaged: going on with the keys of the enrolment could trust a revoked computer again. */
async function readState(path: string): Promise<TrustUpdate | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxTrustBytes) throw new RangeError(`${size} bytes`);
    return trustUpdate.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new HoldfastError('usage.configuration', {
      message: `${path}, the list of trusted keys and revoked certificates, can't be read.`,
      guidance: 'Restore the file from a backup, or enrol the mover again.',
      cause: error,
    });
  }
}
