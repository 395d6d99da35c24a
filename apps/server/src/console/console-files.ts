import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, errnoOf, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Logger } from 'pino';
import { securityHeaders } from '../http-app.ts';
import { html, page, pageHeaders } from '../oauth/page.ts';
import { entityTag, namesTag } from '../rest/entity-tag.ts';
import { consoleLookMs, maxConsoleBytes, maxConsoleFiles, styleNonceBytes } from './limits.ts';
import { consolePageHeaders } from './page-headers.ts';

/** In a checkout, where its build puts it. */
export const defaultConsoleFolder = fileURLToPath(new URL('../../../console/dist', import.meta.url));

const indexPath = '/index.html';
/** What the build leaves where the nonce of an answer is to stand. */
const noncePlace = '__STYLE_NONCE__';
/** Files of a build that have their content's hash in their name. */
const hashedPath = /^\/assets\/[^/]+-[A-Za-z0-9_-]{8,}\.\w+$/;

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/** Compressed forms that a build may put beside a file, the best first. */
const encodings = [
  { name: 'br', suffix: '.br' },
  { name: 'zstd', suffix: '.zst' },
  { name: 'gzip', suffix: '.gz' },
] as const;

interface Form {
  readonly bytes: Buffer;
  readonly tag: string;
}

interface ConsoleFile {
  readonly plain: Form;
  readonly compressed: ReadonlyMap<string, Form>;
}

interface Build {
  /** By path from the root, with a slash in front. */
  readonly files: ReadonlyMap<string, ConsoleFile>;
  /** When its index was made. */
  readonly madeMs: number;
}

export interface ConsoleAnswer {
  readonly status: 200 | 304 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/**
 * The built console, which the server hands out as it is. All of it is read into memory beforehand, so that what a request names is a
 * key of a table and never a path of the file system.
 */
export class ConsoleFiles {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #build: Promise<Build | undefined> = Promise.resolve(undefined);
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(o: { folder: string; clock: Clock; logger: Logger }) {
    this.#folder = o.folder;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Undefined for what neither is a file of the console nor looks like a page of it. */
  async answer(path: string, headers: { readonly [name: string]: unknown }): Promise<ConsoleAnswer | undefined> {
    const build = await this.#current();
    const file = build?.files.get(path);
    if (file && path !== indexPath) return fileAnswer(path, file, headers);
    if (path !== indexPath && /\.[^/]*$/.test(path)) return undefined;
    const index = build?.files.get(indexPath);
    if (!index) return notBuilt();
    const nonce = randomBytes(styleNonceBytes).toString('base64');
    const body = index.plain.bytes.toString('utf8').replaceAll(noncePlace, nonce);
    return { status: 200, headers: consolePageHeaders(nonce), body };
  }

  /** Looks whether there is another build since. */
  async #current(): Promise<Build | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs >= consoleLookMs) {
      this.#lookedMs = nowMs;
      const present = this.#build;
      this.#build = this.#look(await present).catch(async (error: unknown) => {
        // A build that is being made: what was there before is as good as it was.
        this.#logger.warn({ error: toHoldfastError(error) }, 'the console was not read');
        return present;
      });
    }
    return this.#build;
  }

  async #look(present: Build | undefined): Promise<Build | undefined> {
    const madeMs = await madeAt(join(this.#folder, indexPath));
    if (madeMs === undefined || madeMs === present?.madeMs) return madeMs === undefined ? undefined : present;
    return { files: await readFiles(this.#folder), madeMs };
  }
}

async function madeAt(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

async function readFiles(folder: string): Promise<ReadonlyMap<string, ConsoleFile>> {
  const contents = new Map<string, Buffer>();
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    // Of a build, regular files alone: a link might lead anywhere.
    if (!entry.isFile()) continue;
    const place = join(entry.parentPath, entry.name);
    const content = await readFile(place);
    bytes += content.length;
    if (contents.size >= maxConsoleFiles || bytes > maxConsoleBytes)
      throw new HoldfastError('internal.limit', {
        message: `${folder} has more than ${maxConsoleFiles} files, or ${maxConsoleBytes} bytes: it is no built console.`,
      });
    contents.set(`/${relative(folder, place).split(sep).join('/')}`, content);
  }
  const files = new Map<string, ConsoleFile>();
  for (const [path, content] of contents) {
    const forms = encodings.flatMap(({ name, suffix }) => {
      const compressed = contents.get(path + suffix);
      return compressed ? [[name, formOf(compressed)] as const] : [];
    });
    files.set(path, { plain: formOf(content), compressed: new Map(forms) });
  }
  return files;
}

function formOf(bytes: Buffer): Form {
  return { bytes, tag: entityTag(bytes) };
}

function fileAnswer(
  path: string,
  file: ConsoleFile,
  headers: { readonly [name: string]: unknown },
): ConsoleAnswer | undefined {
  const type = mediaTypes[extname(path)];
  // Of a kind that no console has: it lies in the folder for some other reason.
  if (type === undefined) return undefined;
  const accepted = acceptedEncodings(headers['accept-encoding']);
  const encoding = encodings.find(({ name }) => accepted.has(name) && file.compressed.has(name))?.name;
  const { bytes, tag } = (encoding === undefined ? undefined : file.compressed.get(encoding)) ?? file.plain;
  const facts = {
    ...securityHeaders,
    'cache-control': hashedPath.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-type': type,
    etag: tag,
    vary: 'accept-encoding',
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  };
  const known = headers['if-none-match'];
  if (typeof known === 'string' && namesTag(known, tag)) return { status: 304, headers: facts, body: '' };
  return { status: 200, headers: facts, body: bytes };
}

/** RFC 9110, 12.5.3: what is not refused by a quality of 0. */
function acceptedEncodings(header: unknown): ReadonlySet<string> {
  const offered = typeof header === 'string' ? header.toLowerCase().split(',') : [];
  const parts = offered.map((one) => one.trim().split(/\s*;\s*/));
  return new Set(parts.filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? '')).map(([name = '']) => name));
}

function notBuilt(): ConsoleAnswer {
  const body = html`<p>This checkout has no console yet. Build it, and load this page again:</p><p><code>npm run build:console</code></p>`;
  return { status: 503, headers: pageHeaders(), body: page({ title: 'The console is not built', body }) };
}
