import { readings } from '../../api/call.ts';
import type { ReadLines } from './use-reading.ts';

/** The server asks the repository's executor. */
export const readByServer: ReadLines = (id, { listing, signal }) => readings({ params: { id }, body: listing, signal });
