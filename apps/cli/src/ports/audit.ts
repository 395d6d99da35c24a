import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type ExitStatus, exitStatus } from '@holdfast/core';
import { auditHost, thisHost } from '@holdfast/firewall/audit';
import { type OutputOptions, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';

export interface PortsAuditOptions extends OutputOptions {
  readonly host?: string;
  readonly otherwise: 'drop' | 'leave';
  readonly unused?: boolean;
  readonly includePlanned?: boolean;
}

/** Compares this computer with the plan, and says what to do about each difference. */
export async function portsAudit(file: string, options: PortsAuditOptions, { signal }: Work): Promise<ExitStatus> {
  const { otherwise, unused = false, includePlanned } = options;
  const plan = planTopology(await loadTopology(file), includePlanned ? { includePlanned } : {});
  const audit = await auditHost(plan, thisHost(plan, options.host), { otherwise, unused, signal });
  const { host, findings, notes } = audit;
  if (options.json) await printJson({ kind: 'ports-audit', ...audit });
  else {
    const width = Math.max(0, ...findings.map(({ kind }) => kind.length));
    for (const { kind, subject, message, advice } of findings)
      await print(`${kind.padEnd(width)}  ${subject}\n    ${message}\n    ${advice}\n`);
    const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`;
    await print(`${host}: ${findings.length === 0 ? 'sockets and firewall are as planned' : count}.\n`);
    for (const note of notes) await print(`${note}\n`);
  }
  return findings.length === 0 ? exitStatus.success : exitStatus.failed;
}
