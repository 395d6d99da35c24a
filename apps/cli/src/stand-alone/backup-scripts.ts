import { type HoldfastError, toHoldfastError } from '@holdfast/core';
import type { BackupSummary } from '@holdfast/engine/backup';
import { runScript } from '@holdfast/engine/scripts';
import { resolvePath } from '../data-directory.ts';
import type { WorkView } from '../output.ts';

interface ScriptOptions {
  readonly preScript?: string;
  readonly postScript?: string;
  readonly scriptTimeout: number;
  /** Nothing is run. */
  readonly dryRun?: boolean;
}

/** What the person asked to be run before and after a backup. */
export class BackupScripts {
  readonly #options: ScriptOptions;
  readonly #view: WorkView;
  /** The script after the backup failed. */
  failed = false;

  constructor(options: ScriptOptions, view: WorkView) {
    this.#options = options;
    this.#view = view;
  }

  /** @throws backup.script: then there is no backup, and nothing to do after it. */
  async before(signal: AbortSignal): Promise<void> {
    const { preScript, scriptTimeout: timeoutMs, dryRun } = this.#options;
    if (preScript === undefined || dryRun) return;
    this.#view.status(`Running ${preScript}`);
    await runScript(
      { path: resolvePath(preScript), what: 'The script before the backup', timeoutMs, variables: {} },
      signal,
    );
  }

  /** Runs the script after the backup, however that ended; its failure is reported and hides no other. */
  async around(backup: () => Promise<BackupSummary>): Promise<BackupSummary> {
    try {
      const summary = await backup();
      await this.#after({
        HOLDFAST_BACKUP_STATUS: summary.complete ? 'complete' : 'incomplete',
        HOLDFAST_SNAPSHOT_ID: summary.snapshotId,
      });
      return summary;
    } catch (error) {
      await this.#after({ HOLDFAST_BACKUP_STATUS: 'failed' });
      throw error;
    }
  }

  async #after(variables: Readonly<Record<string, string>>): Promise<void> {
    const { postScript, scriptTimeout: timeoutMs, dryRun } = this.#options;
    if (postScript === undefined || dryRun) return;
    this.#view.status(`Running ${postScript}`);
    try {
      // Also after Ctrl-C: it undoes what the first one did.
      await runScript({ path: resolvePath(postScript), what: 'The script after the backup', timeoutMs, variables });
    } catch (error) {
      this.failed = true;
      const problem: HoldfastError = toHoldfastError(error);
      this.#view.problem(problem);
    }
  }
}
