/**
 * Some actions ask for a second factor that was given just now. Whoever shows dialogs says here how to get one; a request that was
 * refused for the lack of it waits for that, and is made once more.
 */

/** Resolves when a second factor was given; rejects when the person would rather not. */
type Confirmation = () => Promise<void>;

/** What asks is on its way when a page has just been opened; nothing is longer. */
const offerLimitMs = 30_000;

let offered = Promise.withResolvers<Confirmation>();
let asked: Promise<void> | undefined;

/** The way to ask; returns what takes it back. */
export function offerConfirmation(confirmation: Confirmation): () => void {
  offered.resolve(confirmation);
  return () => {
    offered = Promise.withResolvers<Confirmation>();
  };
}

/** One question for all requests that wait for the same. False where there is nobody to ask. */
export async function confirmFreshly(): Promise<boolean> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, offerLimitMs));
  const ask = await Promise.race([offered.promise, late]);
  if (!ask) return false;
  asked ??= ask().finally(() => {
    asked = undefined;
  });
  await asked;
  return true;
}
