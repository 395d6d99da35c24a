import { scrypt as nodeScrypt, pbkdf2, scryptSync } from 'node:crypto';
import { promisify } from 'node:util';
import { loadKernels } from './kernels.ts';
import { numericAddress } from './memory-address.ts';

/**
 * RFC 7914. N is a power of two above 1, which the caller checks; memory is 128 * r * (N + p) bytes, work grows with N * r * p.
 * The RFC's bound of N below 2 ** (16 * r) is not checked: OpenSSL refuses what is above (r = 1 and N from 65,536 on), kernels don't.
 */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

export interface ScryptInput extends ScryptCost {
  /** A string stands for its bytes in UTF-8. */
  readonly password: string | Uint8Array;
  readonly salt: Uint8Array;
  readonly keySizeBytes: number;
}

/** Derives a key, in a thread of Node's; undefined when there is no memory for it, or too much of it under way. */
export type ScryptKernel = (input: ScryptInput) => Promise<Buffer | undefined>;

type Mix = (blocks: number, N: number, r: number, p: number, hasTurns: number) => number;
type AsyncMix = (...call: [...Parameters<Mix>, (error: unknown, failure: number) => void]) => void;

/** As OpenSSL counts it: not only the table. */
const otherMemoryBytes = 1024 * 1024;

/** Undecided until first use. */
let chosen: Promise<ScryptKernel | undefined> | undefined;

/** Derives a key from a password in the fastest way of this processor that gives what Node's scrypt gives, in a thread of Node's. */
export async function scrypt(input: ScryptInput): Promise<Buffer> {
  chosen ??= firstRight();
  const kernel = await chosen;
  return (await kernel?.(input)) ?? scryptByNode(input);
}

/** OpenSSL's: the reference that kernels are compared with. */
export function scryptByNode({ password, salt, keySizeBytes, N, r, p }: ScryptInput): Promise<Buffer> {
  const maxmem = 128 * r * (N + p) + otherMemoryBytes;
  return new Promise((resolve, reject) => {
    nodeScrypt(password, salt, keySizeBytes, { N, r, p, maxmem }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

/**
 * The kernels that this processor can run, the fastest one first.
 * @param file another build of them, for tests
 */
export function scryptKernels(file?: string): readonly ScryptKernel[] {
  const kernels = loadKernels(file);
  if (kernels === undefined) return [];
  const { async: mix } = kernels.bind<Mix & { readonly async: AsyncMix }>(
    'uint32_t holdfast_scrypt(uint64_t blocks, uint64_t N, uint64_t r, uint64_t p, uint32_t hasTurns)',
  );
  return [...(kernels.processor.turns ? [1] : []), 0].map((hasTurns) => scryptWith(mix, hasTurns));
}

function scryptWith(mix: AsyncMix, hasTurns: number): ScryptKernel {
  const stretch = promisify(pbkdf2);
  return async ({ password, salt, keySizeBytes, N, r, p }) => {
    const laneBytes = 128 * r;
    // Memory of its own, which begins at a multiple of 16 as all of malloc(3), with room for one lane more.
    const memory = Buffer.allocUnsafeSlow(laneBytes * (p + 1));
    const begun = await stretch(password, salt, 1, laneBytes * p, 'sha256');
    try {
      memory.set(begun);
      // The kernel has nothing but the address: that `memory` is wiped below keeps it from being collected until then.
      const failure = await new Promise<number | undefined>((resolve, reject) => {
        try {
          mix(numericAddress(memory), N, r, p, hasTurns, (error, result) => (error ? reject(error) : resolve(result)));
        } catch {
          // koffi carries only so many calls at once.
          resolve(undefined);
        }
      });
      if (failure !== 0) return undefined;
      return await stretch(password, memory.subarray(0, begun.length), 1, keySizeBytes, 'sha256');
    } finally {
      begun.fill(0);
      memory.fill(0);
    }
  };
}

async function firstRight(): Promise<ScryptKernel | undefined> {
  const sample = { password: 'password', salt: Buffer.from('salt'), keySizeBytes: 64, N: 16, r: 3, p: 2 };
  try {
    const expected = scryptSync(sample.password, sample.salt, sample.keySizeBytes, sample);
    for (const kernel of scryptKernels()) if ((await kernel(sample))?.equals(expected)) return kernel;
  } catch {
    // As for any that is not right: nothing is lost but speed.
  }
  return undefined;
}
