/** Writes docs/errors.md from the error table of packages/core; `--check` only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorEntry, errorTable, exitStatus } from '@holdfast/core';

const pagePath = join(import.meta.dirname, '..', 'docs', 'errors.md');

const groups: Readonly<Record<string, string>> = {
  internal: 'Holdfast itself',
  usage: 'The command line and the configuration',
  run: 'Runs',
  process: 'Processes',
  channel: 'Connections',
  port: 'Ports',
  lease: 'Data channels',
  auth: 'Identity and rights',
  approval: 'Approval by a second administrator',
  audit: 'The audit',
  grant: 'Grants',
  version: 'Versions',
  request: 'Requests to the API',
  vault: 'Keys',
  storage: 'Storage',
  repository: 'Repositories',
  snapshot: 'Snapshots',
  file: 'Files that are backed up',
  restore: 'Files that are restored',
  native: 'The operating system',
};

const retryWords = {
  permanent: 'does not help',
  transient: 'may help later',
  unknown: 'find out first',
} as const satisfies Record<ErrorEntry['retry'], string>;

const exitMeanings: Readonly<Record<keyof typeof exitStatus, string>> = {
  success: 'the command did what it was asked for',
  failed: 'the command failed',
  usage: 'the command line or a configuration value was wrong; nothing was done',
  incomplete: 'the work is done, but something was left out or went a second-best way',
  repositoryMissing: 'there is no repository at that place',
  repositoryLocked: 'the repository is locked',
  wrongPassword: 'the password is wrong',
  cancelled: 'cancelled by a signal or on request',
};

/** The page; groups in the order of the table, so that neighbours there stay neighbours here. */
export function errorsPage(table: Readonly<Record<string, ErrorEntry>> = errorTable): string {
  const byGroup = Map.groupBy(Object.entries(table), ([code]) => code.slice(0, code.indexOf('.')));
  const sections = [...byGroup].map(([group, entries]) => {
    const title = groups[group] ?? group.charAt(0).toUpperCase() + group.slice(1);
    const rows = entries.map(([code, entry]) => [
      `\`${code}\``,
      entry.summary,
      entry.guidance,
      retryWords[entry.retry],
      String(entry.exit),
      String(entry.http),
    ]);
    return `## ${title}\n\n${markdownTable(['code', 'what happened', 'what to do', 'trying again', 'exit', 'HTTP'], rows)}`;
  });
  const exits = Object.entries(exitStatus).map(([name, status]) => [
    String(status),
    exitMeanings[name as keyof typeof exitStatus],
  ]);
  return `# Errors

Every error that Holdfast reports has a code. Codes are stable: scripts and monitoring may match on them. With \`--json\`
and over the API an error is \`{ code, message, guidance, retry, context }\`; the message says what happened and where, and
often knows better than this page what to do about it.

This page is generated from \`packages/core/src/error-table.ts\` by \`node tools/errors-page.ts\`.

## Exit statuses

${markdownTable(['status', 'meaning'], exits)}
${sections.join('\n')}`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

if (import.meta.main) {
  const page = errorsPage();
  if (!process.argv.includes('--check')) writeFileSync(pagePath, page);
  else if (readFileSync(pagePath, 'utf8') !== page) {
    console.error('docs/errors.md is not what the error table says: run `npm run fix`');
    process.exitCode = 1;
  }
}
