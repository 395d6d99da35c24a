import { z } from 'zod';
import type { Permission } from './permissions.ts';

/** One route of the REST API: from it come the validation, the OpenAPI document and the typed client. */
export interface Route {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for each parameter. */
  readonly path: string;
  /** What the caller must be allowed; `public`: nobody has to have signed in. */
  readonly access: Permission | 'public';
  /**
   * A second administrator has to agree where the server is set so: `always`, or `conditional`, where the handler finds out
   * whether this request needs it. It is then answered with status 202 and the approval.
   */
  readonly approval: 'always' | 'conditional' | undefined;
  /** Takes `If-Match` with the entity tag of the GET route of the same path. */
  readonly guarded: boolean;
  /** Asks for a fresh second factor of everybody who has one. */
  readonly stepUp: boolean;
  /** Fields of the body that the audit keeps. Never one that holds a secret. */
  readonly audited: readonly string[];
  readonly summary: string;
  readonly tag: string;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** undefined: the route takes no body. */
  readonly body: z.ZodType | undefined;
  readonly response: z.ZodType;
  /** Answers with the cookie of a session, and is only for pages of this server. */
  readonly browser: boolean;
  /** The answer is a stream of server-sent events, each `data` of the response's form. */
  readonly stream: boolean;
  /** The media type of an answer that is bytes, sent as they come, and audited whatever the method. */
  readonly bytes: string | undefined;
}

interface RouteSpec {
  readonly access: Permission | 'public';
  readonly approval?: 'always' | 'conditional';
  readonly guarded?: boolean;
  readonly stepUp?: boolean;
  readonly audited?: readonly string[];
  readonly summary: string;
  readonly tag: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
  readonly browser?: boolean;
  readonly stream?: boolean;
  readonly bytes?: string;
}

const nothing = z.strictObject({});

/** Names a route with its types kept: absent parts become "nothing". */
export function route<const Spec extends RouteSpec>(id: string, method: Route['method'], path: string, spec: Spec) {
  type Params = Spec['params'] extends z.ZodObject ? Spec['params'] : typeof nothing;
  type Query = Spec['query'] extends z.ZodObject ? Spec['query'] : typeof nothing;
  type Body = Spec['body'] extends z.ZodType ? Spec['body'] : undefined;
  type Stream = Spec['stream'] extends true ? true : false;
  type Bytes = Spec['bytes'] extends string ? string : undefined;
  return {
    id,
    method,
    path,
    access: spec.access,
    approval: spec.approval,
    guarded: spec.guarded ?? false,
    stepUp: spec.stepUp ?? false,
    audited: spec.audited ?? [],
    summary: spec.summary,
    tag: spec.tag,
    params: (spec.params ?? nothing) as Params,
    query: (spec.query ?? nothing) as Query,
    body: spec.body as Body,
    response: spec.response as Spec['response'],
    browser: spec.browser ?? false,
    stream: (spec.stream ?? false) as Stream,
    bytes: spec.bytes as Bytes,
  } satisfies Route;
}
