import { useState } from 'react';

/**
 * What somebody writes in a form about something that is there. It shows what is there until they begin; from then on it is about
 * what they saw when they began (`seen`), whatever becomes of it meanwhile.
 */
export function useDraft<Seen, Draft extends object>(
  present: Seen,
  draftOf: (seen: Seen) => Draft,
): {
  readonly seen: Seen;
  readonly draft: Draft;
  readonly write: (part: Partial<Draft>) => void;
  /** Forgets what was written. */
  readonly reset: () => void;
} {
  const [begun, setBegun] = useState<{ readonly seen: Seen; readonly draft: Draft }>();
  const { seen, draft } = begun ?? { seen: present, draft: draftOf(present) };
  return {
    seen,
    draft,
    write: (part) => setBegun({ seen, draft: { ...draft, ...part } }),
    reset: () => setBegun(undefined),
  };
}
