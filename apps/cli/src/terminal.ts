import {
  formatBytes,
  formatCount,
  formatDuration,
  type HoldfastError,
  oneLine,
  plainLines,
  withoutControl,
} from '@holdfast/core';

/** How commands talk to people: results on stdout, everything else on stderr; plain lines when that is no terminal. */

export interface ProgressView {
  /** The text is made only if it is shown. */
  update(text: string | (() => string)): void;
  /** Clears the line, so that the next output starts at its beginning. */
  done(): void;
}

/** One line that is redrawn on a terminal; elsewhere a line every few seconds, so that logs stay readable. */
export function progressView(
  options: { readonly quiet: boolean; readonly stream?: NodeJS.WriteStream } = { quiet: false },
): ProgressView {
  const stream = options.stream ?? process.stderr;
  const everyMs = stream.isTTY ? 100 : 5000;
  let lastMs = stream.isTTY ? 0 : performance.now();
  let shown = false;
  return {
    update: (given) => {
      if (options.quiet || performance.now() - lastMs < everyMs) return;
      lastMs = performance.now();
      const text = oneLine(typeof given === 'string' ? given : given());
      if (!stream.isTTY) {
        stream.write(`${text}\n`);
        return;
      }
      const width = Math.max(20, (stream.columns ?? 80) - 1);
      stream.write(`\r\x1b[2K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
      shown = true;
    },
    done: () => {
      if (shown) stream.write('\r\x1b[2K');
      shown = false;
    },
  };
}

export interface ProgressNumbers {
  readonly phase: string;
  readonly filesDone: number;
  readonly filesTotal?: number | undefined;
  readonly bytesDone: number;
  readonly bytesTotal?: number | undefined;
  readonly currentPath?: string | undefined;
}

/** How much is done, 0 to 1; undefined while nobody knows how much there is. */
export function shareDone({ filesDone, filesTotal, bytesDone, bytesTotal }: ProgressNumbers): number | undefined {
  // Files may grow or be added meanwhile.
  if (bytesTotal) return Math.min(1, bytesDone / bytesTotal);
  return filesTotal ? Math.min(1, filesDone / filesTotal) : undefined;
}

/** At the speed until now; undefined while that says nothing. */
export function remainingMs(progress: ProgressNumbers, elapsedMs: number): number | undefined {
  const share = shareDone(progress);
  return share === undefined || share < 0.01 || elapsedMs < 1000 ? undefined : (elapsedMs * (1 - share)) / share;
}

/** `[████░░░░] 42 %  1,234 of 2,938 files  1.2 GiB of 2.9 GiB  310 MiB/s  5.5 s left  /usr/share/doc` */
export function progressText(progress: ProgressNumbers, elapsedMs: number): string {
  const { filesDone, filesTotal, bytesDone, bytesTotal } = progress;
  const share = shareDone(progress);
  const bar =
    share === undefined
      ? progress.phase
      : `[${'█'.repeat(Math.round(share * 20)).padEnd(20, '░')}] ${Math.floor(share * 100)} %`;
  const files =
    filesTotal === undefined
      ? `${formatCount(filesDone)} files`
      : `${formatCount(filesDone)} of ${formatCount(filesTotal)} files`;
  const bytes =
    bytesTotal === undefined ? formatBytes(bytesDone) : `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
  const speed = elapsedMs > 500 ? `${formatBytes((bytesDone * 1000) / elapsedMs)}/s` : '';
  const leftMs = remainingMs(progress, elapsedMs);
  const left = leftMs === undefined ? '' : `${formatDuration(leftMs)} left`;
  return [bar, files, bytes, speed, left, progress.currentPath ?? ''].filter((part) => part !== '').join('  ');
}

/** Columns aligned for people, of texts that may be anybody's. The first row is the heading; columns named in `right` hold numbers. */
export function table(
  given: readonly (readonly string[])[],
  options: { readonly right?: readonly number[]; readonly indent?: string } = {},
): string {
  const rows = given.map((row) => row.map(withoutControl));
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        return options.right?.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const [heading, ...body] = rows;
  if (!heading) return '';
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(heading), rule, ...body.map(line)].map((text) => `${options.indent ?? ''}${text}\n`).join('');
}

/** What happened, what to do, and the code to search the documentation for. Its words may be those of another computer. */
export function errorText(error: HoldfastError): string {
  const lines = [
    `Error: ${plainLines(error.message)}`,
    `  What to do: ${plainLines(error.guidance)}`,
    `  Code: ${error.code} (docs/errors.md)`,
  ];
  if (error.code === 'internal.unexpected' && error.cause instanceof Error && error.cause.stack)
    lines.push(error.cause.stack);
  return `${lines.join('\n')}\n`;
}
