/** The server's problem details (RFC 9457) as an error, or that it could not be reached at all. */
export class ApiProblem extends Error {
  /** An entry of docs/errors.md; `unreachable` where no answer came. */
  readonly code: string;
  readonly status: number;
  /** What the person can do; empty where there is nothing to say. */
  readonly guidance: string;
  readonly retry: 'permanent' | 'transient' | 'unknown';
  readonly context: Readonly<Record<string, unknown>>;
  /** The request's id, which the server's log has too. */
  readonly instance: string | undefined;

  constructor(o: {
    code: string;
    message: string;
    status?: number;
    guidance?: string;
    retry?: 'permanent' | 'transient' | 'unknown';
    context?: Readonly<Record<string, unknown>>;
    instance?: string | undefined;
    cause?: unknown;
  }) {
    super(o.message, o.cause === undefined ? undefined : { cause: o.cause });
    this.name = 'ApiProblem';
    this.code = o.code;
    this.status = o.status ?? 0;
    this.guidance = o.guidance ?? '';
    this.retry = o.retry ?? 'unknown';
    this.context = o.context ?? {};
    this.instance = o.instance;
  }
}

export function hasCode(error: unknown, code: string): error is ApiProblem {
  return error instanceof ApiProblem && error.code === code;
}

/** Any error in this form: what is not the server's word is a fault of the console. */
export function toProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem({
    code: 'console.unexpected',
    message: error instanceof Error ? error.message : String(error),
    cause: error,
  });
}

/** The server's answer to a request that it refused. A proxy in between may answer in another form. */
export function problemOf(status: number, body: unknown): ApiProblem {
  if (typeof body !== 'object' || body === null || !('code' in body) || typeof body.code !== 'string')
    return new ApiProblem({ code: 'unreachable', status, message: `HTTP ${status}`, retry: 'transient' });
  const given = body as Partial<Record<'detail' | 'guidance' | 'instance', unknown>> & { retry?: unknown };
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const retry = given.retry === 'permanent' || given.retry === 'transient' ? given.retry : 'unknown';
  return new ApiProblem({
    code: body.code,
    status,
    message: text(given.detail),
    guidance: text(given.guidance),
    retry,
    context: contextOf(body),
    instance: text(given.instance) || undefined,
  });
}

function contextOf(body: object): Readonly<Record<string, unknown>> {
  return 'context' in body && typeof body.context === 'object' && body.context !== null
    ? (body.context as Readonly<Record<string, unknown>>)
    : {};
}
