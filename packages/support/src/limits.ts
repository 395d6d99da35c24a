/** Every bound of support bundles, each with its reason. Sizes in bytes, before compression. */

const kib = 1024;
const mib = 1024 * kib;

export const bundleLimits = {
  /** Of one file: what is beyond is left out, and the manifest says how much. People read these. */
  maxFileBytes: 4 * mib,
  /** Of all files: some 3 MiB when compressed, which a mail takes. */
  maxBytes: 32 * mib,
  maxFiles: 200,
  /** That one file takes: computers that do not answer are waited for a third of it. */
  fileLimitMs: 60_000,
  /** Of one line of a log. */
  maxLineBytes: 256 * kib,
  /** Of each of the two files that keep the last lines of a process's log. */
  keptLogBytes: 4 * mib,
  /** After lines could not be kept, it is tried again. */
  keptLogRetryMs: 60_000,
  /** Names that are looked for in texts to be anonymised; the others are replaced where they stand alone. */
  maxKnownNames: 50_000,
  /** Of a name that is no single word: each is looked for by itself. */
  maxWordyNames: 500,
  /** After so long others have their turn: a bundle is made by a server that works. */
  turnMs: 10,
  /** So long the delay of the event loop is measured. */
  delayMs: 500,
} as const;
