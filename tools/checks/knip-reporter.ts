import { relative } from 'node:path';
import type { ReporterOptions } from 'knip';

/** Tells, besides the issues, how many files knip looked at: its own reporters do not, and it passes on nothing at all. */
function report({ report: kinds, issues, counters, cwd }: ReporterOptions): void {
  const found = Object.entries(issues)
    .filter(([type]) => kinds[type as keyof typeof kinds])
    .flatMap(([type, files]) =>
      Object.values(files).flatMap((symbols) =>
        Object.values(symbols).map(({ filePath, line, symbol }) => ({
          type,
          file: relative(cwd, filePath),
          line,
          symbol,
        })),
      ),
    );
  process.stdout.write(JSON.stringify({ processed: counters.processed, issues: found }));
}

export default report;
