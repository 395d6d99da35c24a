import { HoldfastError } from '@holdfast/core';

/** The body of an answer; throws `channel.closed` when it is cut off. */
export async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new HoldfastError('channel.closed', {
      message: `The answer of ${name} was cut off: not all of it has come.`,
      guidance: 'Try again. Why the server gave up is in its log.',
      cause,
    });
  }
}
