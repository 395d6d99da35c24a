import { HoldfastError } from '@holdfast/core';
import type { ListedNode } from '@holdfast/engine';
import {
  type CallArguments,
  parseErrorReport,
  type ReadingLine,
  type RestClient,
  type Routes,
} from '@holdfast/protocol';
import { decodeSnapshot, decodeTree, type FoundSnapshot, parseObjectId, shortId } from '@holdfast/repository';

/** What the executor of a repository reads for us, in the forms in which the engine gives it. */
export type ReadEvent =
  | { readonly kind: 'snapshot'; readonly found: FoundSnapshot }
  | ({ readonly kind: 'node' } & ListedNode)
  | { readonly kind: 'left' }
  | {
      readonly kind: 'change';
      readonly path: Buffer;
      readonly modifier: Extract<ReadingLine, { kind: 'change' }>['modifier'];
    }
  | Extract<ReadingLine, { kind: 'compared' | 'stats' }>;

export type ListingRequest = NonNullable<CallArguments<Routes['readSnapshots']>['body']>;

/** Reads in a repository of the server. What the executor could not read goes to `onProblem`; the rest follows. */
export async function* readByServer(
  client: RestClient,
  o: {
    readonly repositoryId: string;
    readonly body: ListingRequest;
    readonly onProblem: (problem: HoldfastError) => void;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<ReadEvent> {
  const { repositoryId, body, signal } = o;
  for await (const line of client.lines('readSnapshots', { params: { id: repositoryId }, body, signal }))
    if (line.kind === 'problem') o.onProblem(problemOf(line));
    else if (line.kind === 'failed') throw problemOf(line);
    else yield eventOf(line);
}

function problemOf({ problem }: Extract<ReadingLine, { kind: 'problem' | 'failed' }>): HoldfastError {
  return parseErrorReport(problem) ?? new HoldfastError('internal.unexpected');
}

function eventOf(line: Exclude<ReadingLine, { kind: 'problem' | 'failed' }>): ReadEvent {
  switch (line.kind) {
    case 'snapshot': {
      const id = parseObjectId(line.id, 'The answer of the server');
      const snapshot = decodeSnapshot(Buffer.from(line.document), `Snapshot ${shortId(id)}`);
      return { kind: 'snapshot', found: { id, snapshot } };
    }
    case 'node': {
      const [node] = decodeTree(Buffer.from(`{"nodes":[${line.node}]}`));
      if (node === undefined)
        throw new HoldfastError('request.invalid', { message: 'The server gave an empty entry.' });
      return { kind: 'node', path: Buffer.from(line.path, 'base64'), node };
    }
    case 'left':
      return { kind: 'left' };
    case 'change':
      return { ...line, path: Buffer.from(line.path, 'base64') };
    default:
      return line;
  }
}

/** The snapshot that comes first. */
export async function snapshotFirst(events: AsyncGenerator<ReadEvent>): Promise<FoundSnapshot> {
  const first = await events.next();
  if (!first.done && first.value.kind === 'snapshot') return first.value.found;
  throw new HoldfastError('request.invalid', { message: 'The server did not say which snapshot it reads.' });
}
