import { formatCount, formatDuration, type HoldfastError } from '@holdfast/core';
import type { RestoredEntry, RestoreProgress, RestoreSummary } from '@holdfast/engine/restore';
import { type FoundSnapshot, shortId } from '@holdfast/repository';
import { counted, print, printJson, printText, shownTime, type WorkView } from '../output.ts';
import { printable, resticBytes } from './restic-text.ts';

/** What a restore says, in restic's words. */
export interface RestorePrinter {
  begin(found: FoundSnapshot, target: string): Promise<void>;
  readonly progress: (progress: RestoreProgress) => void;
  readonly problem: (problem: HoldfastError) => void;
  /** Undefined when entries are not shown. */
  readonly entry: ((entry: RestoredEntry) => void) | undefined;
  end(summary: RestoreSummary): Promise<void>;
}

interface PrinterOptions {
  readonly quiet?: boolean | undefined;
  readonly verbose?: number;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
}

/** Level from which every entry is shown. */
const everything = 2;
/** Programs that watch need no more, and logs stay small. */
const statusEveryMs = 1000;

/** restic counts folders, links and devices as files. */
function countsOf(summary: RestoreSummary) {
  const { filesUnchanged, itemsKept, bytesKept, bytesUnchanged, bytesRestored, foldersRestored } = summary;
  const restored = summary.filesRestored - filesUnchanged + foldersRestored + summary.othersRestored;
  return {
    restored,
    total: restored + summary.itemsFailed,
    skipped: filesUnchanged + itemsKept,
    deleted: summary.itemsDeleted,
    bytes: bytesRestored,
    skippedBytes: bytesUnchanged + bytesKept,
  };
}

export class JsonRestore implements RestorePrinter {
  readonly entry: ((entry: RestoredEntry) => void) | undefined;
  readonly #options: PrinterOptions;
  readonly #startedMs = performance.now();
  #lastMs = performance.now();

  constructor(options: PrinterOptions) {
    this.#options = options;
    if ((options.verbose ?? 0) >= everything)
      this.entry = ({ action, path, sizeBytes }) =>
        write(process.stdout, { message_type: 'verbose_status', action, item: path.toString(), size: sizeBytes });
  }

  async begin(): Promise<void> {}

  readonly progress = ({ filesDone, filesTotal, bytesDone, bytesTotal }: RestoreProgress): void => {
    const nowMs = performance.now();
    if (this.#options.quiet || nowMs - this.#lastMs < statusEveryMs) return;
    this.#lastMs = nowMs;
    write(process.stdout, {
      message_type: 'status',
      seconds_elapsed: Math.floor((nowMs - this.#startedMs) / 1000),
      percent_done: bytesTotal === undefined || bytesTotal === 0 ? 0 : Math.min(1, bytesDone / bytesTotal),
      total_files: filesTotal,
      files_restored: filesDone,
      total_bytes: bytesTotal,
      bytes_restored: bytesDone,
    });
  };

  readonly problem = (problem: HoldfastError): void => {
    const { path } = problem.context;
    const error = { message: problem.message, code: problem.code };
    write(process.stderr, { message_type: 'error', error, during: 'restore', item: path ?? '' });
  };

  async end(summary: RestoreSummary): Promise<void> {
    const counts = countsOf(summary);
    await printJson({
      message_type: 'summary',
      seconds_elapsed: Math.floor(summary.durationMs / 1000),
      total_files: counts.total,
      files_restored: counts.restored,
      files_skipped: counts.skipped,
      files_deleted: counts.deleted,
      total_bytes: counts.bytes,
      bytes_restored: counts.bytes,
      bytes_skipped: counts.skippedBytes,
      snapshot_id: summary.snapshotId,
      complete: summary.complete && summary.damage === undefined,
      problem_count: summary.problemCount,
      owners_restored: summary.ownersRestored,
      dry_run: this.#options.dryRun ?? false,
      files_verified: summary.filesVerified,
      blobs_healed: summary.blobsHealed,
    });
  }
}

function write(stream: NodeJS.WriteStream, value: unknown): void {
  stream.write(`${JSON.stringify(value)}\n`);
}

export class TextRestore implements RestorePrinter {
  readonly entry: ((entry: RestoredEntry) => void) | undefined;
  readonly progress: (progress: RestoreProgress) => void;
  readonly problem: (problem: HoldfastError) => void;
  readonly #options: PrinterOptions;
  #target = '';

  constructor(options: PrinterOptions, view: WorkView) {
    this.#options = options;
    // Nobody sees it: the text is not worth its making.
    this.progress = options.quiet === true ? () => undefined : view.progress;
    this.problem = view.problem;
    if ((options.verbose ?? 0) >= everything)
      this.entry = ({ action, path, sizeBytes }) => {
        view.done();
        const size = sizeBytes === 0 ? '' : ` with size ${resticBytes(sizeBytes)}`;
        process.stdout.write(`${action.padEnd(9)} ${printable(path)}${size}\n`);
      };
  }

  async begin({ id, snapshot }: FoundSnapshot, target: string): Promise<void> {
    this.#target = target;
    if (this.#options.quiet || (this.#options.verbose ?? 0) === 0) return;
    const { paths, time, username = '', hostname = '' } = snapshot;
    await printText(
      `restoring snapshot ${shortId(id)} of [${paths.join(' ')}] at ${shownTime(time)} by ${username}@${hostname} to ${target}\n`,
    );
  }

  async end(summary: RestoreSummary): Promise<void> {
    if (this.#options.quiet) return;
    const counts = countsOf(summary);
    const would = this.#options.dryRun === true ? 'Would restore' : 'Restored';
    const of = counts.total > counts.restored ? ` of ${formatCount(counts.total)}` : '';
    const parts = [
      `Summary: ${would} ${formatCount(counts.restored)}${of} files/dirs (${resticBytes(counts.bytes)}) in ${formatDuration(summary.durationMs)}`,
    ];
    if (counts.skipped > 0)
      parts.push(`skipped ${formatCount(counts.skipped)} files/dirs ${resticBytes(counts.skippedBytes)}`);
    if (counts.deleted > 0) parts.push(`deleted ${formatCount(counts.deleted)} files/dirs`);
    const lines = [parts.join(', '), `Snapshot ${shortId(summary.snapshotId)}, target ${this.#target}`];
    if (summary.filesVerified !== undefined) lines.push(`Verified ${counted(summary.filesVerified, 'file')}`);
    if (!summary.ownersRestored) lines.push('Owners are not restored: only root may give files away');
    if (summary.blobsHealed > 0)
      lines.push(
        `${counted(summary.blobsHealed, 'damaged blob')} could be read from a second pack: run \`holdfast check --read-data\``,
      );
    if (summary.problemCount > 0)
      lines.push(
        `${counted(summary.problemCount, 'problem')}, see above${summary.complete ? '' : ': the restore is not complete'}`,
      );
    await print(`${lines.join('\n')}\n`);
  }
}
