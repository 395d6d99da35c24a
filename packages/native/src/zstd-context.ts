import { bindOptional } from './built-in.ts';
import { addressOf } from './library.ts';

/**
 * zstd with one context for all calls of a thread: Node's own synchronous functions make a new one each time, which
 * costs more than compressing a small file (34 µs against 2, measured). The context lives in a buffer of ours
 * (`ZSTD_initStaticCCtx`, zstd.h), so nothing is left behind when a thread ends.
 */
type Size = (level: number) => number | bigint;
type Initialise = (memory: bigint, size: number) => bigint;
type Compress = (
  context: bigint,
  to: Uint8Array,
  capacity: number,
  from: Uint8Array,
  size: number,
  level: number,
) => number | bigint;
type Decompress = (
  context: bigint,
  to: Uint8Array,
  capacity: number,
  from: Uint8Array,
  size: number,
) => number | bigint;

export interface ZstdContext {
  /** One frame with the content's size in it. The bytes are valid until the next call. */
  compress(plain: Uint8Array, level: number): Uint8Array;
  /** The content of one or more frames, of exactly that size; undefined if it is not that. */
  decompress(packed: Uint8Array, plainSizeBytes: number): Buffer | undefined;
  /** The same into memory of exactly that size; false if it is not that. */
  decompressInto(packed: Uint8Array, to: Uint8Array): boolean;
}

const maxLevel = 19;

class StaticContext implements ZstdContext {
  readonly #functions: Functions;
  readonly #decompressor: { readonly memory: Uint8Array; readonly address: bigint };
  #compressor: { readonly memory: Uint8Array; readonly address: bigint; readonly level: number } | undefined;
  #output = new Uint8Array(64 * 1024);

  constructor(functions: Functions) {
    this.#functions = functions;
    const memory = new Uint8Array(Number(functions.decompressorSize()) + 8);
    this.#decompressor = { memory, address: functions.newDecompressor(addressOf(memory), memory.byteLength) };
    if (this.#decompressor.address === 0n) throw new RangeError('zstd refused the memory for its context');
  }

  compress(plain: Uint8Array, level: number): Uint8Array {
    const functions = this.#functions;
    if (this.#compressor === undefined || this.#compressor.level < level) {
      if (level < 1 || level > maxLevel) throw new RangeError(`zstd has no level ${level}`);
      const memory = new Uint8Array(Number(functions.compressorSize(level)) + 8);
      const address = functions.newCompressor(addressOf(memory), memory.byteLength);
      if (address === 0n) throw new RangeError('zstd refused the memory for its context');
      this.#compressor = { memory, address, level };
    }
    // ZSTD_COMPRESSBOUND.
    const bound = plain.byteLength + (plain.byteLength >>> 8) + 512;
    if (this.#output.byteLength < bound) this.#output = new Uint8Array(bound);
    const output = this.#output;
    const size = Number(
      functions.compress(this.#compressor.address, output, output.byteLength, plain, plain.byteLength, level),
    );
    // Errors are numbers just below 2^64.
    if (size > output.byteLength) throw new RangeError('zstd could not compress');
    return output.subarray(0, size);
  }

  decompress(packed: Uint8Array, plainSizeBytes: number): Buffer | undefined {
    const plain = Buffer.allocUnsafe(plainSizeBytes);
    return this.decompressInto(packed, plain) ? plain : undefined;
  }

  decompressInto(packed: Uint8Array, to: Uint8Array): boolean {
    const { address } = this.#decompressor;
    const size = this.#functions.decompress(address, to, to.byteLength, packed, packed.byteLength);
    return Number(size) === to.byteLength;
  }
}

interface Functions {
  readonly compressorSize: Size;
  readonly newCompressor: Initialise;
  readonly compress: Compress;
  readonly decompressorSize: () => number | bigint;
  readonly newDecompressor: Initialise;
  readonly decompress: Decompress;
}

let context: ZstdContext | 'none' | undefined;

/** This thread's context; undefined where Node's build doesn't export what it needs. */
export function zstdContext(): ZstdContext | undefined {
  context ??= newContext() ?? 'none';
  return context === 'none' ? undefined : context;
}

function newContext(): ZstdContext | undefined {
  const compressorSize = bindOptional<Size>('size_t ZSTD_estimateCCtxSize(int level)');
  const newCompressor = bindOptional<Initialise>('uint64_t ZSTD_initStaticCCtx(uint64_t memory, size_t size)');
  const compress = bindOptional<Compress>(
    'size_t ZSTD_compressCCtx(uint64_t context, void *to, size_t capacity, void *from, size_t size, int level)',
  );
  const decompressorSize = bindOptional<() => number | bigint>('size_t ZSTD_estimateDCtxSize()');
  const newDecompressor = bindOptional<Initialise>('uint64_t ZSTD_initStaticDCtx(uint64_t memory, size_t size)');
  const decompress = bindOptional<Decompress>(
    'size_t ZSTD_decompressDCtx(uint64_t context, void *to, size_t capacity, void *from, size_t size)',
  );
  if (!compressorSize || !newCompressor || !compress || !decompressorSize || !newDecompressor || !decompress)
    return undefined;
  // koffi gives small 64-bit numbers as numbers.
  const asAddress =
    (initialise: Initialise): Initialise =>
    (memory, size) =>
      BigInt(initialise(memory, size));
  try {
    const made = new StaticContext({
      compressorSize,
      newCompressor: asAddress(newCompressor),
      compress,
      decompressorSize,
      newDecompressor: asAddress(newDecompressor),
      decompress,
    });
    const sample = Buffer.from('holdfast '.repeat(64));
    const back = made.decompress(Buffer.from(made.compress(sample, 3)), sample.byteLength);
    return back?.equals(sample) === true ? made : undefined;
  } catch {
    // A build with another zstd: nothing is lost but speed.
    return undefined;
  }
}
