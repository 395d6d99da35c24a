import type { CallArguments, Routes } from '@holdfast/protocol';
import { useEffect, useState } from 'react';
import { ApiProblem, toProblem } from '../../api/problem.ts';
import type { ReadingLine } from './reading-line.ts';

/** A backup as it is looked through. */
export interface PointInTime {
  readonly id: string;
  readonly repositoryId: string;
  readonly takenAt: string;
}
export type Listing = CallArguments<Routes['readSnapshots']>['body'];
/** Whoever reads in a repository, the server or the agent of this computer: the lines as they are found. */
export type ReadLines = (
  repositoryId: string,
  o: { readonly listing: Listing; readonly signal: AbortSignal },
) => AsyncIterable<ReadingLine>;

/** What was found so far is shown so often. */
const showMs = 200;

export interface Reading<Row> {
  readonly rows: readonly Row[];
  readonly isReading: boolean;
  /** The limit of rows was reached, and nothing more was asked for. */
  readonly isCut: boolean;
  readonly error: ApiProblem | undefined;
  /** The last line of a comparison. */
  readonly compared: Extract<ReadingLine, { kind: 'compared' }> | undefined;
}

const nothing: Reading<never> = { rows: [], isReading: false, isCut: false, error: undefined, compared: undefined };

/**
 * Reads in a repository as long as the page shows it, at most so many rows. `rowReader` is called for each reading, and what it gives
 * for each line: the row that the line is, if any. It and `read` have to stay the same functions: with others everything is read anew.
 */
export function useReading<Row>(o: {
  readonly read: ReadLines;
  readonly repositoryId: string;
  readonly listing: Listing | undefined;
  readonly limit: number;
  readonly rowReader: () => (line: ReadingLine) => Row | undefined;
}): Reading<Row> {
  const [reading, setReading] = useState<Reading<Row>>(nothing);
  const { read, repositoryId, limit, rowReader } = o;
  const asked = o.listing && JSON.stringify(o.listing);
  useEffect(() => {
    if (asked === undefined) {
      setReading(nothing);
      return undefined;
    }
    const stop = new AbortController();
    const rows: Row[] = [];
    let compared: Reading<Row>['compared'];
    const show = (state: Partial<Reading<Row>>): void =>
      setReading({ ...nothing, rows: [...rows], compared, isReading: true, ...state });
    show({});
    const timer = setInterval(() => show({}), showMs);
    const readAll = async (): Promise<Partial<Reading<Row>>> => {
      const rowOf = rowReader();
      const listing = JSON.parse(asked) as Listing;
      for await (const line of read(repositoryId, { listing, signal: stop.signal })) {
        if (line.kind === 'failed') return { error: new ApiProblem(line.problem) };
        if (line.kind === 'compared') compared = line;
        const row = rowOf(line);
        if (row !== undefined) rows.push(row);
        if (rows.length >= limit) return { isCut: true };
      }
      return {};
    };
    void readAll()
      .catch((error: unknown) => ({ error: toProblem(error) }))
      .then((end) => {
        clearInterval(timer);
        if (!stop.signal.aborted) show({ ...end, isReading: false });
        stop.abort();
      });
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [read, repositoryId, asked, limit, rowReader]);
  return reading;
}
