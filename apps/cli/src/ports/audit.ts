import { join } from 'node:path';
import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type ExitStatus, exitStatus } from '@holdfast/core';
import { auditHost, thisHost } from '@holdfast/firewall/audit';
import { type ChannelReport, readChannelReport } from '@holdfast/wire';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';
import { type OutputOptions, printJson, printText } from '../output.ts';
import type { Work } from '../work.ts';

export interface PortsAuditOptions extends OutputOptions {
  readonly host?: string;
  readonly otherwise: 'drop' | 'leave';
  readonly unused?: boolean;
  readonly unusedFor?: number;
  readonly countsIn?: readonly string[];
  readonly includePlanned?: boolean;
}

/** Compares this computer with the plan, and says what to do about each difference. */
export async function portsAudit(file: string, options: PortsAuditOptions, { signal }: Work): Promise<ExitStatus> {
  const { otherwise, unused = false, includePlanned } = options;
  const plan = planTopology(await loadTopology(file), includePlanned ? { includePlanned } : {});
  const use = options.unusedFor === undefined ? undefined : await countedUse(options.unusedFor, options.countsIn);
  const audit = await auditHost(plan, thisHost(plan, options.host), { otherwise, unused, use, signal });
  const { host, findings, notes } = audit;
  if (options.json) await printJson({ kind: 'ports-audit', ...audit });
  else {
    const width = Math.max(0, ...findings.map(({ kind }) => kind.length));
    for (const { kind, subject, message, advice } of findings)
      await printText(`${kind.padEnd(width)}  ${subject}\n    ${message}\n    ${advice}\n`);
    const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
    await printText(`${host}: ${findings.length === 0 ? 'sockets and firewall are as planned' : count}.\n`);
    for (const note of notes) await printText(`${note}\n`);
  }
  return findings.length === 0 ? exitStatus.success : exitStatus.failed;
}

/** What the programs of this computer have counted, from the data directories where they keep it. */
async function countedUse(forMs: number, folders: readonly string[] = [defaultDataDirectory()]) {
  const reports: ChannelReport[] = [];
  for (const folder of folders.map(resolvePath))
    for (const place of [folder, ...['server', 'mover', 'agent'].map((role) => join(folder, role))]) {
      const report = await readChannelReport(place);
      if (report) reports.push(report);
    }
  return { forMs, reports };
}
