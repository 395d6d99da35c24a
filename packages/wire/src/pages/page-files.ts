import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, errnoOf, HoldfastError, toHoldfastError } from '@holdfast/core';
import { entityTag, namesTag } from '../entity-tag.ts';
import { securityHeaders } from '../security-headers.ts';
import { maxPageBytes, maxPageFiles, pagesLookMs, styleNonceBytes } from './limits.ts';
import { pageHeaders } from './page-headers.ts';

/** In a checkout, where the build puts the pages: the console's and the control panel's. */
export const builtPagesFolder = fileURLToPath(new URL('../../../../apps/console/dist', import.meta.url));

/** What the build leaves where the nonce of an answer is to stand. */
const noncePlace = '__STYLE_NONCE__';
/** Files of a build that have their content's hash in their name. */
const hashedPath = /^\/assets\/[^/]+-[A-Za-z0-9_-]{8,}\.\w+$/;

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
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

interface PageFile {
  readonly plain: Form;
  readonly compressed: ReadonlyMap<string, Form>;
}

interface Build {
  /** By path from the root, with a slash in front. */
  readonly files: ReadonlyMap<string, PageFile>;
  /** When its index was made. */
  readonly madeMs: number;
}

export interface PageAnswer {
  readonly status: 200 | 304 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/**
 * A built page with its files, handed out as they are. All of it is read into memory beforehand, so that what a request names is a
 * key of a table and never a path of the file system.
 */
export class PageFiles {
  readonly #folder: string;
  readonly #indexPath: string;
  readonly #clock: Clock;
  readonly #onFailure: (error: HoldfastError) => void;
  #build: Promise<Build | undefined> = Promise.resolve(undefined);
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** `index`: the page itself, whatever its address is. `onFailure` is told why a build was not read. */
  constructor(o: {
    folder: string;
    index: 'index.html' | 'panel.html';
    clock: Clock;
    onFailure: (error: HoldfastError) => void;
  }) {
    this.#folder = o.folder;
    this.#indexPath = `/${o.index}`;
    this.#clock = o.clock;
    this.#onFailure = o.onFailure;
  }

  /** Undefined for what neither is a file of the build nor looks like an address of the page. */
  async answer(path: string, headers: { readonly [name: string]: unknown }): Promise<PageAnswer | undefined> {
    const build = await this.#current();
    const file = build?.files.get(path);
    if (file && path !== this.#indexPath) return fileAnswer(path, file, headers);
    if (path !== this.#indexPath && /\.[^/]*$/.test(path)) return undefined;
    const index = build?.files.get(this.#indexPath);
    if (!index) return notBuilt();
    const nonce = randomBytes(styleNonceBytes).toString('base64');
    const body = index.plain.bytes.toString('utf8').replaceAll(noncePlace, nonce);
    return { status: 200, headers: pageHeaders(nonce), body };
  }

  /** Looks whether there is another build since. */
  async #current(): Promise<Build | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs >= pagesLookMs) {
      this.#lookedMs = nowMs;
      const present = this.#build;
      this.#build = this.#look(await present).catch(async (error: unknown) => {
        // A build that is being made: what was there before is as good as it was.
        this.#onFailure(toHoldfastError(error));
        return present;
      });
    }
    return this.#build;
  }

  async #look(present: Build | undefined): Promise<Build | undefined> {
    const madeMs = await madeAt(join(this.#folder, this.#indexPath));
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

async function readFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const contents = new Map<string, Buffer>();
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    // Of a build, regular files alone: a link might lead anywhere.
    if (!entry.isFile()) continue;
    const place = join(entry.parentPath, entry.name);
    const content = await readFile(place);
    bytes += content.length;
    if (contents.size >= maxPageFiles || bytes > maxPageBytes)
      throw new HoldfastError('internal.limit', {
        message: `${folder} has more than ${maxPageFiles} files, or ${maxPageBytes} bytes: it is no built page.`,
      });
    contents.set(`/${relative(folder, place).split(sep).join('/')}`, content);
  }
  const files = new Map<string, PageFile>();
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
  file: PageFile,
  headers: { readonly [name: string]: unknown },
): PageAnswer | undefined {
  const type = mediaTypes[extname(path)];
  // Of a kind that no page needs: it lies in the folder for some other reason, or is another page.
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

function notBuilt(): PageAnswer {
  const headers = { ...securityHeaders, 'content-type': 'text/plain; charset=utf-8' };
  return {
    status: 503,
    headers,
    body: 'This page is not built yet. Build it, and load it again: npm run build:console\n',
  };
}
