import { restRoutes } from 'virtual:rest-routes';
import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import { linesOf } from './lines.ts';
import { ApiProblem, hasCode } from './problem.ts';
import { confirmFreshly } from './step-up.ts';
import { type ApiRequest, send } from './transport.ts';

export type RouteName = keyof Routes;

type Call<Name extends RouteName> = CallArguments<Routes[Name]> & {
  /** Of a POST: whoever repeats it with the same key gets the same answer, and it is done once. */
  idempotencyKey?: string;
};

/**
 * One request, one answer. Where the server wants a second factor that was given just now, the person is asked for it, and the
 * request is made once more. Throws `ApiProblem`, also `approval.needed` where a second administrator has to agree.
 */
export async function call<Name extends RouteName>(name: Name, args: Call<Name>): Promise<Answer<Name>> {
  return (await tagged(name, args)).answer;
}

/** As `call`, with the entity tag of the answer, for `ifMatch`. */
export async function tagged<Name extends RouteName>(
  name: Name,
  args: Call<Name>,
): Promise<{ answer: Answer<Name>; tag: string }> {
  const [method, path] = restRoutes[name];
  const response = await sendConfirmed({
    method,
    path: pathOf(path, args.params, args.query),
    body: args.body,
    signal: args.signal,
    headers: {
      ...(args.ifMatch === undefined ? {} : { 'if-match': args.ifMatch }),
      ...(args.idempotencyKey === undefined ? {} : { 'idempotency-key': args.idempotencyKey }),
    },
  });
  const answer: unknown = await response.json();
  if (response.status === 202)
    throw new ApiProblem({ code: 'approval.needed', status: 202, message: '', context: answer as object as Context });
  return { answer: answer as Answer<Name>, tag: response.headers.get('etag') ?? '' };
}
type Context = Readonly<Record<string, unknown>>;

async function sendConfirmed(request: ApiRequest): Promise<Response> {
  try {
    return await send(request);
  } catch (error) {
    if (!hasCode(error, 'auth.step-up') || !(await confirmFreshly())) throw error;
    return await send(request);
  }
}

/** The events of a streaming route until it ends or the signal aborts. */
export async function* events<Name extends RouteName>(name: Name, args: Call<Name>): AsyncGenerator<Answer<Name>> {
  const [method, path] = restRoutes[name];
  const { signal } = args;
  const response = await send({ method, path: pathOf(path, args.params, args.query), signal, stream: true });
  for await (const line of linesOf(response))
    if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length)) as Answer<Name>;
}

/** What is read in a repository, line by line as it is found. Whoever leaves the loop ends the reading there. */
export async function* readings(args: Call<'readSnapshots'>): AsyncGenerator<Answer<'readSnapshots'>> {
  const [method, path] = restRoutes.readSnapshots;
  const { body, signal } = args;
  const headers = { accept: 'application/x-ndjson' };
  const response = await send({ method, path: pathOf(path, args.params), body, headers, signal, stream: true });
  // An empty line only says that the work goes on.
  for await (const line of linesOf(response)) if (line !== '') yield JSON.parse(line) as Answer<'readSnapshots'>;
}

/** Where a file of a snapshot, or a folder as a ZIP, is for the browser to save: what is large never lies in the page's memory. */
export function contentsAddress(args: Pick<CallArguments<Routes['downloadContents']>, 'params' | 'query'>): string {
  return pathOf(restRoutes.downloadContents[1], args.params, args.query);
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
