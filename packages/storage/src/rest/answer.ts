import { type ErrorCode, errorTable, HoldfastError } from '@holdfast/core';
import type { HttpResponse } from '@holdfast/wire';
import { maxShortAnswerBytes } from '../limits.ts';
import { restHeaders } from '../rest-protocol.ts';

/** What a status means when nothing but the status is known, as from a server that is not ours. */
const plainStatuses: Readonly<Record<number, ErrorCode>> = {
  400: 'request.invalid',
  401: 'auth.required',
  403: 'storage.permission',
  404: 'storage.missing',
  405: 'storage.unsupported',
  // rest-server answers this when its --max-size is reached.
  413: 'storage.full',
  416: 'storage.range',
  501: 'storage.unsupported',
  507: 'storage.full',
};

/** One header as text. */
export function header(answer: HttpResponse, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** How long the network waited for the storage, as a mover says it; 0 where nothing is said. */
export function storageMsOf(answer: HttpResponse): number {
  const said = /(?:^|,)\s*storage\s*;\s*dur=(\d{1,9}(?:\.\d{1,9})?)/.exec(header(answer, 'server-timing') ?? '')?.[1];
  return Number(said ?? 0);
}

/** The error of an answer that is not a success. Reads its body. */
export async function answerError(answer: HttpResponse, what: string): Promise<HoldfastError> {
  const text = await answer.text(maxShortAnswerBytes);
  if (header(answer, restHeaders.mover) === '1') {
    const reported = await reportedError(answer, text);
    if (reported) return reported;
  }
  const code = plainStatuses[answer.status] ?? (answer.status < 500 ? 'request.invalid' : 'storage.unavailable');
  const said = text.slice(0, 200).trim();
  return new HoldfastError(code, {
    message: `Can't ${what}: the storage answered ${answer.status}${said === '' ? '' : ` (${said})`}`,
    context: { status: answer.status },
  });
}

async function reportedError(answer: HttpResponse, text: string): Promise<HoldfastError | undefined> {
  if (header(answer, 'content-type')?.startsWith('application/json') && text !== '') {
    // The schemas take long to load: commands on a local repository never need them.
    const { parseErrorReport } = await import('@holdfast/protocol');
    try {
      const error = parseErrorReport(JSON.parse(text));
      if (error) return error;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  // An answer to HEAD has no body.
  const code = header(answer, restHeaders.error) ?? '';
  return Object.hasOwn(errorTable, code) ? new HoldfastError(code as ErrorCode) : undefined;
}

/**
 * Frees the connection of an answer whose body says nothing. The answer to a HEAD announces the length of a body that it
 * does not have, so the announced length is not looked at here.
 */
export async function drain(answer: HttpResponse): Promise<void> {
  let sizeBytes = 0;
  try {
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      sizeBytes += piece.length;
      // Leaving the loop destroys the body.
      if (sizeBytes > maxShortAnswerBytes) break;
    }
  } catch (error) {
    throw new HoldfastError('channel.closed', {
      message: 'The connection was cut in the middle of an answer',
      cause: error,
    });
  }
}

/** What the answer to a HEAD says of the object. */
export function contentLength(answer: HttpResponse, what: string): number {
  const value = Number(answer.headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new HoldfastError('storage.unavailable', {
    message: `Can't ${what}: the storage did not say how large it is`,
    retry: 'permanent',
  });
}
