import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import {
  type Clock,
  HoldfastError,
  productVersion,
  systemClock,
  tarEnd,
  tarPadding,
  toHoldfastError,
  ustarHeader,
} from '@holdfast/core';
import { bundleLimits } from './limits.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { formsOf, withoutSecrets } from './secret-forms.ts';

/** What a file of a bundle holds: a value, or lines, each a value of its own, or a text. Cleaned before it is written. */
export type BundleContent =
  | { readonly json: unknown }
  | { readonly lines: AsyncIterable<unknown> | Iterable<unknown>; readonly keep?: 'first' | 'last' }
  | { readonly text: string };

export interface BundleFile {
  /** Its path in the bundle. */
  readonly file: string;
  readonly what: string;
  readonly content: () => BundleContent | Promise<BundleContent>;
}

/** What is not in a bundle, and why. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

interface BundleOptions {
  /** Of the roles that it tells about. */
  readonly of: readonly string[];
  readonly files: AsyncIterable<BundleFile> | Iterable<BundleFile>;
  readonly leftOut: readonly LeftOut[];
  /** Secrets that may not be in it in any form; asked for when it is made. */
  readonly secrets?: readonly string[];
  /** With them names, addresses and paths are replaced. */
  readonly pseudonyms?: Pseudonyms | undefined;
  readonly clock: Clock;
  readonly sink: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}

interface ManifestEntry {
  readonly file: string;
  readonly what: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Lines that were left out because there were too many. */
  readonly linesLeftOut?: number;
  /** All of it was left out, and why. */
  readonly failed?: { readonly code: string; readonly message: string };
}

/** What is in every bundle for whoever opens it. */
export const manifestFile = 'manifest.json';

/**
 * Writes a bundle, a .tar.gz, to `sink`, file by file as it is made: no more than one file is in memory. What can't be had is named in the
 * manifest, which comes last: a bundle is made where things are broken. Gives its size, compressed.
 */
export async function writeBundle(o: BundleOptions): Promise<{ readonly bytes: number; readonly files: number }> {
  const { clock, pseudonyms } = o;
  const clean = cleaner(pseudonyms, o.secrets ?? []);
  await using archive = new Archive(o.sink, clock.now(), o.signal);
  const entries: ManifestEntry[] = [];
  const leftOut: LeftOut[] = [...o.leftOut];
  let roomBytes: number = bundleLimits.maxBytes;
  for await (const { file, what, content } of o.files) {
    o.signal.throwIfAborted();
    if (entries.length >= bundleLimits.maxFiles || roomBytes <= 0) {
      leftOut.push({ what: file, why: 'the bundle had reached its bound' });
      continue;
    }
    try {
      const { bytes, linesLeftOut } = await withinLimit(o.signal, async () =>
        contentOf(await content(), {
          clean,
          maxBytes: Math.min(roomBytes, bundleLimits.maxFileBytes),
        }),
      );
      roomBytes -= bytes.length;
      await archive.add(file, bytes);
      entries.push({
        ...{ file, what, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
        ...(linesLeftOut > 0 ? { linesLeftOut } : {}),
      });
    } catch (error) {
      o.signal.throwIfAborted();
      const { code, message } = toHoldfastError(error);
      entries.push({ file, what, bytes: 0, sha256: '', failed: { code, message: clean.text(message) } });
    }
  }
  const manifest = {
    kind: 'support-bundle',
    version: 1,
    productVersion,
    of: o.of,
    madeAt: clock.now().toISOString(),
    anonymised: pseudonyms !== undefined,
    files: entries,
    leftOut,
  };
  await archive.add(manifestFile, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  return { bytes: await archive.end(), files: entries.length };
}

/** What hangs must not keep the rest from those who help. */
async function withinLimit<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const settled = new AbortController();
  const late = systemClock
    .sleep(bundleLimits.fileLimitMs, AbortSignal.any([signal, settled.signal]))
    .then((): never => {
      throw new HoldfastError('run.timeout', {
        message: `It did not come about within ${bundleLimits.fileLimitMs / 1000} s.`,
      });
    });
  try {
    return await Promise.race([work(), late]);
  } finally {
    settled.abort();
  }
}

interface Cleaner {
  readonly value: (value: unknown) => unknown;
  readonly text: (text: string) => string;
}

/** First without secrets, then without names. */
function cleaner(pseudonyms: Pseudonyms | undefined, secrets: readonly string[]): Cleaner {
  const known = secrets.flatMap(formsOf);
  const text = (one: string): string => {
    const clean = withoutSecrets(one, known);
    return pseudonyms ? pseudonyms.text(clean) : clean;
  };
  const strings = (value: unknown): unknown => {
    if (typeof value === 'string') return withoutSecrets(value, known);
    if (Array.isArray(value)) return value.map(strings);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [withoutSecrets(name, known), strings(inner)]),
    );
  };
  return { text, value: (value) => (pseudonyms ? pseudonyms.value(strings(plain(value))) : strings(plain(value))) };
}

/** As JSON has it: dates and errors of ours as they are written. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

async function contentOf(
  content: BundleContent,
  o: { readonly clean: Cleaner; readonly maxBytes: number },
): Promise<{ bytes: Buffer; linesLeftOut: number }> {
  if ('lines' in content) return linesOf(content, o);
  const text =
    'json' in content
      ? `${JSON.stringify(o.clean.value(content.json), null, 2)}\n`
      : content.text.split('\n').map(o.clean.text).join('\n');
  const bytes = Buffer.from(text);
  if (bytes.length <= o.maxBytes) return { bytes, linesLeftOut: 0 };
  // Of what is one value a part is of no use to a program, but to people.
  const kept = bytes.subarray(0, Math.max(0, bytes.lastIndexOf(0x0a, o.maxBytes - 1) + 1));
  return { bytes: kept, linesLeftOut: bytes.subarray(kept.length).filter((byte) => byte === 0x0a).length };
}

/** The first lines, or the last, as many as there is room for. */
async function linesOf(
  { lines, keep = 'first' }: Extract<BundleContent, { lines: unknown }>,
  { clean, maxBytes }: { readonly clean: Cleaner; readonly maxBytes: number },
): Promise<{ bytes: Buffer; linesLeftOut: number }> {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let first = 0;
  let linesLeftOut = 0;
  let turnMs = performance.now();
  for await (const line of lines) {
    if (performance.now() - turnMs > bundleLimits.turnMs) {
      await othersTurn();
      turnMs = performance.now();
    }
    const bytes = Buffer.from(`${JSON.stringify(clean.value(line))}\n`);
    if (keep === 'first' && keptBytes + bytes.length > maxBytes) {
      linesLeftOut += 1;
      continue;
    }
    kept.push(bytes);
    keptBytes += bytes.length;
    while (keptBytes > maxBytes && first < kept.length) {
      keptBytes -= kept[first]?.length ?? 0;
      first += 1;
      linesLeftOut += 1;
    }
    if (first > 10_000) {
      kept = kept.slice(first);
      first = 0;
    }
  }
  return { bytes: Buffer.concat(kept.slice(first)), linesLeftOut };
}

/** A tar archive, compressed, given to a sink as fast as that takes it. */
class Archive implements AsyncDisposable {
  readonly #gzip = createGzip();
  readonly #seconds: number;
  readonly #draining: Promise<void>;
  #bytes = 0;

  constructor(sink: (bytes: Uint8Array) => Promise<void>, now: Date, signal: AbortSignal) {
    this.#seconds = Math.floor(now.getTime() / 1000);
    this.#draining = this.#drain(sink, signal);
    // Whoever ends it hears of it; whoever writes does, too.
    this.#draining.catch((error: unknown) => this.#gzip.destroy(toHoldfastError(error)));
  }

  async #drain(sink: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void> {
    for await (const piece of this.#gzip) {
      signal.throwIfAborted();
      this.#bytes += (piece as Buffer).length;
      await sink(piece as Buffer);
    }
  }

  async add(name: string, content: Uint8Array): Promise<void> {
    const none = Buffer.alloc(0);
    await this.#write(
      ustarHeader({
        ...{
          name: Buffer.from(name),
          link: none,
          user: none,
          group: none,
          flag: '0',
          mode: 0o600,
          uid: 0,
          gid: 0,
          device: 0n,
        },
        ...{ sizeBytes: content.byteLength, seconds: this.#seconds },
      }),
    );
    await this.#write(content);
    await this.#write(tarPadding(content.byteLength));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0 || this.#gzip.write(bytes)) return;
    // What ends the sink must not leave this waiting.
    await Promise.race([once(this.#gzip, 'drain'), this.#draining]);
  }

  async end(): Promise<number> {
    this.#gzip.end(tarEnd);
    await this.#draining;
    return this.#bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gzip.destroy();
    await Promise.allSettled([this.#draining]);
  }
}
