import type { ExitStatus } from '@holdfast/core';
import type { AuditResult } from '@holdfast/protocol';
import type { ServerWork } from '../managed/perform-with-server.ts';
import { counted, type OutputOptions, printJson, printText } from '../output.ts';
import { table } from '../terminal.ts';
import type { FleetWorkChoice } from './fleet-choice.ts';
import { type FleetWorkCalls, fleetWork } from './fleet-work.ts';
import { readTopologyDocument } from './topology-document.ts';

export interface FleetAuditOptions extends OutputOptions, FleetWorkChoice {
  readonly host?: readonly string[];
  readonly otherwise: 'drop' | 'leave';
  readonly unused?: boolean;
  /** Milliseconds. */
  readonly unusedFor?: number;
  readonly includePlanned?: boolean;
}

/** Has the server ask every computer that has joined it for its audit. */
export async function auditFleet(
  file: string | undefined,
  options: FleetAuditOptions,
  work: ServerWork,
): Promise<ExitStatus> {
  const { client, signal } = work;
  const { host, otherwise, unused, unusedFor, includePlanned } = options;
  const calls: FleetWorkCalls<AuditResult> = {
    what: 'audit',
    units: 'computers',
    begin: async () =>
      client.call('createPortAudit', {
        body: {
          ...(file === undefined ? {} : { topology: await readTopologyDocument(file) }),
          ...(host === undefined ? {} : { hosts: [...host] }),
          otherwise,
          unused: unused === true,
          ...(unusedFor === undefined ? {} : { unusedForMs: unusedFor }),
          includePlanned: includePlanned === true,
        },
        signal,
      }),
    all: async () => (await client.call('portAudits', { signal })).audits,
    look: (id) => client.call('portAudit', { params: { id }, signal }),
    // Not by the signal: Ctrl-C is why it is cancelled.
    cancel: (id) => client.call('cancelPortAudit', { params: { id } }),
    page: (id, after) => client.call('portAuditResults', { params: { id }, query: { after }, signal }),
    show: async (ended, told) => {
      // Computers answer in any order.
      const results = told.toSorted((a, b) => (a.host < b.host ? -1 : 1));
      if (options.json) await printJson({ kind: 'ports-fleet-audit', audit: ended, results });
      else await printText(`${auditText(results)}${ended.notes.map((note) => `${note}\n`).join('')}`);
    },
  };
  return await fleetWork(calls, { choice: options, options, work });
}

function auditText(results: readonly AuditResult[]): string {
  const rows = results.map(({ host, by, outcome, findingCount, error }) => [
    host,
    by ?? '',
    outcome === 'as-planned' ? 'as planned' : outcome === 'findings' ? counted(findingCount, 'finding') : 'not audited',
    error?.message ?? '',
  ]);
  const details = results.flatMap(({ host, findings, findingCount, notes, error }) => [
    ...findings.map(
      ({ kind, subject, message, advice }) => `\n${host}: ${kind}: ${subject}\n    ${message}\n    ${advice}\n`,
    ),
    ...(findingCount > findings.length
      ? [`\n${host}: ${findingCount - findings.length} more findings are not shown.\n`]
      : []),
    ...notes.map((note) => `\n${host}: ${note}\n`),
    ...(error ? [`\n${host}: ${error.guidance}\n`] : []),
  ]);
  const sum = results.reduce((total, { findingCount }) => total + findingCount, 0);
  const heading = ['Host', 'By', 'Result', 'Why not'];
  return `${table([heading, ...rows])}${details.join('')}\n${counted(results.length, 'computer')}, ${counted(sum, 'finding')}.\n`;
}
