import { oneLine, toHoldfastError } from '@holdfast/core';

/** What a computer says of itself, or of an error, is printed one day: on one line, and nothing in it steers a terminal. */
export function plainText(text: string): string {
  return oneLine(text).slice(0, 500);
}

/** What went wrong, as the end of a sentence. */
export function reasonOf(error: unknown): string {
  return plainText(toHoldfastError(error).message).replace(/\.$/, '');
}
