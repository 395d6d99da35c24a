import { HoldfastError, hasCode } from '@holdfast/core';
import type { HttpClient, HttpResponse } from '@holdfast/wire';
import type { z } from 'zod';
import { parseJsonText, parseMessage } from './error-report.ts';
import {
  answerTimeoutMs,
  confirmLimitMs,
  eventSilenceMs,
  maxJsonBytes,
  maxReadingLineBytes,
  outputSilenceMs,
} from './limits.ts';
import { refusalOf } from './problem.ts';
import type { SecondFactorProof } from './rest/account-routes.ts';
import { approval } from './rest/user-routes.ts';
import { type Routes, routes } from './rest-api.ts';
import type { Route } from './route.ts';
import { wholeBody } from './whole-body.ts';

type Input<Schema> = Schema extends z.ZodType ? z.input<Schema> : never;

/** What a call needs, and only that. */
export type CallArguments<R extends Routes[keyof Routes]> = (Record<string, never> extends Input<R['params']>
  ? { params?: never }
  : { params: Input<R['params']> }) & { query?: Input<R['query']> } & (R['body'] extends z.ZodType
    ? { body: Input<R['body']> }
    : { body?: never }) & {
    /** Of a `guarded` route: the entity tag that what it changes should still have; `request.changed` if it has another. */
    ifMatch?: string;
    signal?: AbortSignal;
  };

/** What a route answers. */
export type Answer<Name extends keyof Routes> = z.output<Routes[Name]['response']>;

/** Routes whose answers are pages of a list (`pageOf`). */
type PagedRoute = {
  [Name in keyof Routes]: Answer<Name> extends { next: infer Next } | { next?: infer Next }
    ? 'next' extends keyof Answer<Name>
      ? Next extends string | undefined
        ? Name
        : never
      : never
    : never;
}[keyof Routes];

type Item<Name extends PagedRoute> = Extract<Answer<Name>[keyof Answer<Name>], readonly unknown[]>[number];

/** Routes whose answers are bytes. */
type BytesRoute = { [Name in keyof Routes]: Routes[Name]['bytes'] extends string ? Name : never }[keyof Routes];

/** The greatest that `pageQuery` takes. */
const maxPageLimit = 1000;

type Token = string | undefined | ((signal?: AbortSignal) => Promise<string>);

type Confirm = (signal: AbortSignal) => Promise<SecondFactorProof>;

/** Calls the REST API with the types of its routes. Give it an HttpClient that dials `client-to-server`. */
export class RestClient {
  readonly #http: HttpClient;
  readonly #token: Token;
  readonly #confirm: Confirm | undefined;

  /**
   * Without a token for what nobody has to have signed in for; a function is asked for one at every request. `confirm` is asked for a
   * second factor when an action needs one.
   */
  constructor(options: { http: HttpClient; token: Token; confirm?: Confirm }) {
    this.#http = options.http;
    this.#token = options.token;
    this.#confirm = options.confirm;
  }

  /** One request, one answer. Throws the error that the server reports, and `approval.needed` for what waits for another. */
  async call<Name extends keyof Routes>(name: Name, args: CallArguments<Routes[Name]>): Promise<Answer<Name>> {
    return (await this.tagged(name, args)).answer;
  }

  /** As `call`, with the entity tag of what a GET route gave, for `ifMatch`. */
  async tagged<Name extends keyof Routes>(
    name: Name,
    args: CallArguments<Routes[Name]>,
  ): Promise<{ answer: Answer<Name>; tag: string }> {
    const response = await this.#requestConfirmed(name, args);
    if (response.status === 202) throw approvalNeeded(await response.json(maxJsonBytes));
    const answer = parseMessage(routes[name].response, await response.json(maxJsonBytes), `The answer of ${name}`);
    return { answer: answer as Answer<Name>, tag: String(response.headers['etag'] ?? '') };
  }

  /** All items of a list, page by page. */
  async list<Name extends PagedRoute>(name: Name, args: CallArguments<Routes[Name]>): Promise<Item<Name>[]> {
    const items: Item<Name>[] = [];
    for (let after: string | undefined; ; ) {
      const query = { limit: maxPageLimit, ...args.query, ...(after === undefined ? {} : { after }) };
      const page = await this.call(name, { ...args, query } as CallArguments<Routes[Name]>);
      // A page is the list, under its name, and `next`.
      const { next, ...list } = page as Record<string, unknown> & { next?: string };
      for (const part of Object.values(list)) items.push(...(part as Item<Name>[]));
      if (next === undefined) return items;
      after = next;
    }
  }

  /** The events of a streaming route until it ends or the signal aborts. */
  async *events<Name extends keyof Routes>(
    name: Name,
    args: CallArguments<Routes[Name]>,
  ): AsyncGenerator<Answer<Name>> {
    const response = await this.#request(name, args, 'text/event-stream');
    for await (const data of eventData(response.body)) {
      yield parseMessage(
        routes[name].response,
        parseJsonText(data, `An event of ${name}`),
        `An event of ${name}`,
      ) as Answer<Name>;
    }
  }

  /** The answer of a route that gives bytes, as it comes. What is cut off in the middle throws `channel.closed`. */
  async bytes<Name extends BytesRoute>(
    name: Name,
    args: CallArguments<Routes[Name]>,
    o: { readonly range?: string | undefined } = {},
  ): Promise<Pick<HttpResponse, 'status' | 'headers'> & { readonly body: AsyncGenerator<Uint8Array> }> {
    const { status, headers, body } = await this.#requestConfirmed(
      name,
      args,
      o.range === undefined ? {} : { range: o.range },
    );
    return { status, headers, body: wholeBody(body, { name, signal: args.signal }) };
  }

  /** The lines of JSON of a route that gives them. */
  async *lines<Name extends BytesRoute>(name: Name, args: CallArguments<Routes[Name]>): AsyncGenerator<Answer<Name>> {
    const { body } = await this.bytes(name, args);
    for await (const line of textLines(body))
      yield parseMessage(
        routes[name].response,
        parseJsonText(line, `A line of ${name}`),
        `A line of ${name}`,
      ) as Answer<Name>;
  }

  /** Once more, where a fresh second factor was asked for and given. */
  async #requestConfirmed<Name extends keyof Routes>(
    name: Name,
    args: CallArguments<Routes[Name]>,
    headers: Readonly<Record<string, string>> = {},
  ) {
    try {
      return await this.#request(name, args, 'application/json', headers);
    } catch (error) {
      if (!this.#confirm || !hasCode(error, 'auth.step-up')) throw error;
      const { signal } = args;
      const proof = await this.#confirm(signal ?? AbortSignal.timeout(confirmLimitMs));
      await this.#request('confirm', { body: { proof }, ...(signal ? { signal } : {}) }, 'application/json');
      return this.#request(name, args, 'application/json', headers);
    }
  }

  async #request<Name extends keyof Routes>(
    name: Name,
    args: CallArguments<Routes[Name]>,
    accept: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    const route: Route = routes[name];
    const body: unknown = args.body;
    const token = typeof this.#token === 'function' ? await this.#token(args.signal) : this.#token;
    const response = await this.#http.request({
      method: route.method,
      path: pathOf(route.path, args.params, args.query),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        accept,
        ...(args.ifMatch === undefined ? {} : { 'if-match': args.ifMatch }),
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(args.signal ? { signal: args.signal } : {}),
      // Event streams carry a comment every 15 seconds; silence for this long means that the server is gone.
      timeoutMs: route.stream ? eventSilenceMs : route.bytes === undefined ? answerTimeoutMs : outputSilenceMs,
    });
    if (response.status >= 200 && response.status < 300) return response;
    throw refusalOf(response, await response.json(maxJsonBytes), name);
  }
}

function approvalNeeded(content: unknown): HoldfastError {
  const { id, expiresAt } = parseMessage(approval, content, 'The approval');
  return new HoldfastError('approval.needed', {
    message: `A second administrator has to agree: approval ${id}, until ${expiresAt}.`,
    guidance: `Ask another administrator to run \`holdfast approvals approve ${id}\`.`,
    context: { approval: id, expiresAt },
  });
}

function pathOf(
  template: string,
  params: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, unknown>> = {},
): string {
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return path;
  const parameters = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]));
  return `${path}?${parameters.toString()}`;
}

/** The `data` of each server-sent event (one line each, as our server writes them); comments keep the connection alive and are skipped. */
async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const line of textLines(body)) if (line.startsWith('data: ')) yield line.slice('data: '.length);
}

/** Lines that are not empty. */
async function* textLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of body) {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    pending += first;
    for (const next of others) {
      if (pending !== '') yield pending;
      pending = next;
    }
    if (pending.length > maxReadingLineBytes)
      throw new HoldfastError('internal.limit', { message: 'A line of the answer is larger than the limit.' });
  }
  if (pending !== '') yield pending;
}
