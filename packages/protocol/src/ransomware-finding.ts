import { formatCount } from '@holdfast/core';
import { z } from 'zod';

const count = z.number().int().nonnegative();
/** As `extensionChange` has it; left out where only the computer has the key. */
const extension = z.string().optional();

/** One sign of ransomware, with the numbers that make it one. */
export const ransomwareFinding = z.discriminatedUnion('sign', [
  z.object({
    sign: z.literal('mass-deletion'),
    extension,
    /** Gone, of as many as the earlier backup had: more than so many percent, which confirmed false alarms raise. */
    files: count,
    of: count,
    thresholdPercent: z.number(),
  }),
  z.object({ sign: z.literal('mass-rename'), extension, files: count, folders: count }),
]);
export type RansomwareFinding = z.infer<typeof ransomwareFinding>;

/** A sentence without its full stop. */
export function findingText(finding: RansomwareFinding): string {
  const files = formatCount(finding.files);
  const { extension } = finding;
  if (finding.sign === 'mass-rename') {
    const where = `${files} files in ${formatCount(finding.folders)} folders have a new extension`;
    return extension === undefined ? where : `${where}: ${extension === '' ? 'none' : `.${extension}`}`;
  }
  if (extension === '*') return `${files} files of very many extensions are gone`;
  const kind = extension === undefined ? 'of one extension' : extension === '' ? 'without extension' : `.${extension}`;
  return `${files} of ${formatCount(finding.of)} files ${kind} are gone`;
}
