/**
 * Some actions ask for a second factor that was given just now. Whoever shows dialogs says here how to get one; a request that was
 * refused for the lack of it waits for that, and is made once more.
 */

/** Resolves when a second factor was given; rejects when the person would rather not. */
type Confirmation = () => Promise<void>;

let ask: Confirmation | undefined;
let asked: Promise<void> | undefined;

/** The way to ask; returns what takes it back. */
export function offerConfirmation(confirmation: Confirmation): () => void {
  ask = confirmation;
  return () => {
    if (ask === confirmation) ask = undefined;
  };
}

/** One question for all requests that wait for the same. False where there is nobody to ask. */
export async function confirmFreshly(): Promise<boolean> {
  if (!ask) return false;
  asked ??= ask().finally(() => {
    asked = undefined;
  });
  await asked;
  return true;
}
