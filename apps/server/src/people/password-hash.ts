import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { HoldfastError, Semaphore } from '@holdfast/core';
import { maxPasswordHashesAtOnce, maxPasswordHashesWaiting } from '../limits.ts';

const hashArgon2 = promisify(argon2);

/** The minimum of the OWASP Password Storage Cheat Sheet for argon2id: 19 MiB, two passes, one lane. */
const present = { memoryKib: 19_456, passes: 2, lanes: 1 } as const;
const saltBytes = 16;
const tagBytes = 32;
const form = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

interface Parameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** Passwords by argon2id (RFC 9106), in the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. Off the main thread, a few at once. */
export class PasswordHasher {
  readonly #places = new Semaphore(maxPasswordHashesAtOnce);
  /** Those that are computed, and those that wait. */
  #asked = 0;
  /** What the password of an unknown account is compared with, so that it takes as long. */
  readonly #ofNobody = formatted(present, randomBytes(saltBytes), randomBytes(tagBytes));

  /** Rejects with the signal's reason while it waits for its turn, and `auth.rate` when too many do. */
  async hash(password: string, signal: AbortSignal): Promise<string> {
    const salt = randomBytes(saltBytes);
    return formatted(present, salt, await this.#compute(password, salt, { ...present, signal }));
  }

  /** `hash` undefined: of an account that is not there. Takes as long, and is false. */
  async verify(password: string, hash: string | undefined, signal: AbortSignal): Promise<boolean> {
    const match = form.exec(hash ?? this.#ofNobody);
    if (!match) throw new HoldfastError('internal.unexpected', { message: 'A password hash has an unknown form.' });
    const [, memoryKib, passes, lanes, salt = '', tag = ''] = match;
    const parameters = { memoryKib: Number(memoryKib), passes: Number(passes), lanes: Number(lanes), signal };
    const computed = await this.#compute(password, Buffer.from(salt, 'base64'), parameters);
    return timingSafeEqual(computed, Buffer.from(tag, 'base64')) && hash !== undefined;
  }

  /** Whether it was made with other parameters than a new one would be. */
  isDated(hash: string): boolean {
    return !hash.startsWith(prefixOf(present));
  }

  async #compute(
    password: string,
    salt: Buffer,
    { signal, ...o }: Parameters & { readonly signal: AbortSignal },
  ): Promise<Buffer> {
    if (this.#asked >= maxPasswordHashesAtOnce + maxPasswordHashesWaiting)
      throw new HoldfastError('auth.rate', { message: 'Too many people sign in at once.' });
    this.#asked += 1;
    try {
      using _place = await this.#places.acquire(signal);
      return await hashArgon2('argon2id', {
        // The same characters typed on another system have the same bytes (NIST SP 800-63B, 3.1.1.2).
        message: Buffer.from(password.normalize('NFKC'), 'utf8'),
        nonce: salt,
        parallelism: o.lanes,
        tagLength: tagBytes,
        memory: o.memoryKib,
        passes: o.passes,
      });
    } finally {
      this.#asked -= 1;
    }
  }
}

function formatted(parameters: Parameters, salt: Buffer, tag: Buffer): string {
  return `${prefixOf(parameters)}${unpadded(salt)}$${unpadded(tag)}`;
}

function prefixOf({ memoryKib, passes, lanes }: Parameters): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
