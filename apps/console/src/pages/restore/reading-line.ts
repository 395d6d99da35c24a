import type { Answer } from '@holdfast/protocol';

/** What was found in a repository: a snapshot, an entry, a change … */
export type ReadingLine = Answer<'readSnapshots'>;

/** Paths come as bytes, because names need not be UTF-8. */
export function pathText(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
}
