import { createHash, randomBytes } from 'node:crypto';
import type { HttpClient } from '@holdfast/wire';

const maxAnswerBytes = 64 * 1024 * 1024;

/** Requests of the REST protocol with one grant, answered with status and code. */
export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export type RestCall = (
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  options?: { body?: Uint8Array | string; headers?: Record<string, string> },
) => Promise<Answer>;

export function restCalls(client: HttpClient, grant: string | undefined, repository = 'repo'): RestCall {
  return async (method, path, options = {}) => {
    const response = await client.request({
      method,
      path: path.startsWith('/') ? path : `/local/${repository}/${path}`,
      headers: { ...(grant === undefined ? {} : { authorization: `Bearer ${grant}` }), ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const code = response.headers['holdfast-error'];
    return {
      status: response.status,
      code: typeof code === 'string' ? code : undefined,
      body: await response.bytes(maxAnswerBytes),
      headers: response.headers,
    };
  };
}

/** Random bytes and the name that they must have. */
export function object(sizeBytes = 1000): { readonly body: Buffer; readonly id: string } {
  const body = randomBytes(sizeBytes);
  return { body, id: createHash('sha256').update(body).digest('hex') };
}
