/** What every check of the workspace is: it looks at files and reports findings, and it fails if it looked at too few. */

export interface Finding {
  /** Relative to the root; left out where a finding belongs to no file. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  readonly message: string;
  /** A warning is shown and does not fail the check. */
  readonly severity?: 'error' | 'warning';
}

export interface CheckReport {
  /** How many files the checker says it really looked at. */
  readonly filesSeen: number;
  /** Fewer mean that the checker is misconfigured: it would pass whatever the code looks like. */
  readonly filesExpected: number;
  readonly findings: readonly Finding[];
}

export interface Check {
  readonly name: string;
  readonly purpose: string;
  run(root: string): Promise<CheckReport>;
}

export interface CheckResult {
  readonly check: Check;
  readonly filesSeen: number;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly durationMs: number;
}

/** Runs one check. A check that saw too few files, or broke, has failed. */
export async function runCheck(check: Check, root: string): Promise<CheckResult> {
  const startedMs = performance.now();
  const report = await check.run(root).catch(
    (error: unknown): CheckReport => ({
      filesSeen: 0,
      filesExpected: 0,
      findings: [{ message: `the check itself failed: ${error instanceof Error ? error.message : String(error)}` }],
    }),
  );
  const tooFew: readonly Finding[] =
    report.filesSeen < report.filesExpected
      ? [{ message: `looked at ${report.filesSeen} files, expected at least ${report.filesExpected}` }]
      : [];
  const findings = [...tooFew, ...report.findings];
  return {
    check,
    filesSeen: report.filesSeen,
    errors: findings.filter((finding) => finding.severity !== 'warning'),
    warnings: findings.filter((finding) => finding.severity === 'warning'),
    durationMs: performance.now() - startedMs,
  };
}

/** `packages/a/src/b.ts:12  what is wrong` */
export function formatFinding(finding: Finding): string {
  const place =
    finding.file === undefined ? '' : `${finding.file}${finding.line === undefined ? '' : `:${finding.line}`}  `;
  return `${place}${finding.message}`;
}
