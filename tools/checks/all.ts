import { boundaries } from './boundaries.ts';
import type { Check } from './check.ts';
import { deletions } from './deletions.ts';
import { errorCodes } from './error-codes.ts';
import { generatedDocs } from './generated-docs.ts';
import { lockFile } from './lock-file.ts';
import { format, lint, types, unused } from './programs.ts';
import { sockets } from './sockets.ts';
import { style } from './style.ts';

/** Everything that `npm run check` and `npm test` hold the workspace to. */
export const allChecks: readonly Check[] = [
  types,
  format,
  lint,
  unused,
  boundaries,
  sockets,
  deletions,
  style,
  errorCodes,
  generatedDocs,
  lockFile,
];
