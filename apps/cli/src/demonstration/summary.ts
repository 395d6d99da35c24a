import { formatBytes, formatCount, formatDuration } from '@holdfast/core';
import type { ChannelUseReport, Run } from '@holdfast/protocol';
import { table } from '../terminal.ts';
import type { ComparisonReport } from './comparison.ts';

/** What `npm start` tells at the end. */
export interface Demonstration {
  readonly folder: string;
  readonly backup: Run;
  readonly restore: Run;
  readonly comparison: ComparisonReport;
  readonly comparisonMs: number;
  readonly repository: { readonly id: string; readonly name: string; readonly location: string };
  readonly channelUse: readonly { readonly role: string; readonly channels: readonly ChannelUseReport[] }[];
}

/** True when everything that was backed up came back the same. */
export function isIdentical({ comparison }: Demonstration): boolean {
  return comparison.differenceCount === 0;
}

export function summaryText(demonstration: Demonstration): string {
  const parts = [facts(demonstration), findings(demonstration), channels(demonstration)];
  return parts.filter((part) => part !== '').join('\n');
}

function facts({ folder, backup, restore, comparison, comparisonMs, repository }: Demonstration): string {
  const rows: [string, string][] = [['Folder', folder]];
  if (backup.result?.kind === 'backup') {
    const { result } = backup;
    const { files, directories } = result;
    rows.push(
      ['Snapshot', `${result.snapshotId.slice(0, 8)} in repository ${repository.name}, ${repository.location}`],
      [
        'Files',
        `${formatCount(result.totalFiles)} (${formatCount(files.new)} new, ${formatCount(files.changed)} changed, ${formatCount(files.unmodified)} unmodified)`,
      ],
      ['Folders', formatCount(directories.new + directories.changed + directories.unmodified)],
      ['Size', formatBytes(result.totalBytes)],
      ['Bytes read', formatBytes(result.readBytes)],
      ['New bytes', formatBytes(result.newBytes)],
      ['Stored bytes', `${formatBytes(result.storedBytes)} (compressed and encrypted)`],
      ['Backup', `${formatDuration(result.durationMs)}, ${speed(result.readBytes, result.durationMs)}`],
    );
  }
  if (restore.result?.kind === 'restore') {
    const { result } = restore;
    rows.push([
      'Restore',
      `${formatDuration(result.durationMs)}, ${formatBytes(result.bytes)}, ${speed(result.bytes, result.durationMs)}`,
    ]);
  }
  rows.push([
    'Comparison',
    `${formatCount(comparison.files + comparison.directories + comparison.others)} entries, ${formatBytes(comparison.bytes)} and ${formatCount(comparison.attributes)} attributes in ${formatDuration(comparisonMs)}: ${
      comparison.differenceCount === 0 ? 'identical' : `${formatCount(comparison.differenceCount)} DIFFERENCES`
    }`,
  ]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}\n`).join('');
}

function findings({ backup, restore, comparison }: Demonstration): string {
  const lines: string[] = [];
  for (const { path, what, source, restored } of comparison.differences)
    lines.push(`  ${path}: ${what}: ${source} | ${restored}`);
  if (comparison.changedSinceCount > 0) {
    lines.push(
      `  ${formatCount(comparison.changedSinceCount)} entries changed after the backup began and were not compared, for example ${comparison.changedSince[0]}`,
    );
  }
  if (!comparison.ownersCompared)
    lines.push('  Owners and security attributes were not compared: only root can restore them.');
  for (const run of [backup, restore]) {
    for (const problem of run.problems.slice(0, 10)) lines.push(`  ${run.kind}: ${problem.message}`);
    if (run.problemCount > 10) lines.push(`  ${run.kind}: ${formatCount(run.problemCount - 10)} more problems`);
    for (const { channel, usedInstead, reason } of run.degradations) {
      lines.push(`  DEGRADED: channel ${channel} could not be used, ${usedInstead} stood in for it. ${reason.message}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function channels({ channelUse }: Demonstration): string {
  const rows = channelUse.flatMap(({ role, channels: used }) =>
    used
      .filter(({ connectionsIn, connectionsOut }) => connectionsIn + connectionsOut > 0)
      .map(({ channel, ports, connectionsIn, connectionsOut, bytesIn, bytesOut }) => [
        channel,
        portList(ports),
        role,
        connectionsIn > 0 ? `in ${formatCount(connectionsIn)}` : `out ${formatCount(connectionsOut)}`,
        formatBytes(bytesIn),
        formatBytes(bytesOut),
      ]),
  );
  rows.sort((a, b) => `${a[0]} ${a[3]}`.localeCompare(`${b[0]} ${b[3]}`));
  return table([['Channel', 'Ports', 'Process', 'Connections', 'Received', 'Sent'], ...rows], {
    right: [4, 5],
    indent: '  ',
  });
}

/** `2500-2503, 2507`, at most a few groups. */
function portList(ports: readonly number[]): string {
  const groups: { from: number; to: number }[] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = groups.at(-1);
    if (last && port <= last.to + 1) last.to = port;
    else groups.push({ from: port, to: port });
  }
  const text = groups.slice(0, 4).map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
  return `${text.join(', ')}${groups.length > 4 ? ', …' : ''}` || 'local';
}

function speed(bytes: number, durationMs: number): string {
  return `${formatBytes((bytes * 1000) / Math.max(1, durationMs))}/s`;
}
