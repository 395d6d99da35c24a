import type { ExitStatus } from '@holdfast/core';
import type { CheckResult, FleetWorkView } from '@holdfast/protocol';
import type { ServerWork } from '../managed/perform-with-server.ts';
import { counted, type OutputOptions, printJson, printText } from '../output.ts';
import { table } from '../terminal.ts';
import type { FleetWorkChoice } from './fleet-choice.ts';
import { type FleetWorkCalls, fleetWork } from './fleet-work.ts';
import { readTopologyDocument } from './topology-document.ts';

export interface FleetCheckOptions extends OutputOptions, FleetWorkChoice {
  readonly host?: readonly string[];
  readonly allPorts?: boolean;
  /** Milliseconds. */
  readonly idle?: number;
  /** Bytes. */
  readonly payload?: number;
  readonly includePlanned?: boolean;
}

/** Has the server try every opening between the computers that have joined it. */
export async function checkFleet(
  file: string | undefined,
  options: FleetCheckOptions,
  work: ServerWork,
): Promise<ExitStatus> {
  const { client, signal } = work;
  const { host, allPorts, idle, payload, includePlanned } = options;
  const calls: FleetWorkCalls<CheckResult> = {
    what: 'check',
    units: 'pairs of computers',
    begin: async () =>
      client.call('createPortCheck', {
        body: {
          ...(file === undefined ? {} : { topology: await readTopologyDocument(file) }),
          ...(host === undefined ? {} : { hosts: [...host] }),
          ...(idle === undefined ? {} : { idleMs: idle }),
          ...(payload === undefined ? {} : { payloadBytes: payload }),
          allPorts: allPorts === true,
          includePlanned: includePlanned === true,
        },
        signal,
      }),
    all: async () => (await client.call('portChecks', { signal })).checks,
    look: (id) => client.call('portCheck', { params: { id }, signal }),
    // Not by the signal: Ctrl-C is why it is cancelled.
    cancel: (id) => client.call('cancelPortCheck', { params: { id } }),
    page: (id, after) => client.call('portCheckResults', { params: { id }, query: { after }, signal }),
    show: async (ended, told) => {
      // Computers answer in any order.
      const results = told.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
      if (options.json) await printJson({ kind: 'ports-fleet-check', check: ended, results });
      else
        await printText(checkText(ended, results, { topology: file ?? 'TOPOLOGY', isQuiet: options.quiet === true }));
    },
  };
  return await fleetWork(calls, { choice: options, options, work });
}

const orderOf = ({ to, address = '', firstPort = 0, from }: CheckResult): string =>
  [to, address, String(firstPort).padStart(5, '0'), from].join('\n');

const good = { probe: 'open', service: 'open, its service answers', connect: 'reached', names: 'right' } as const;
/** Names of computers in one line, before they are counted. */
const shownNames = 3;

/** For people: what is alike is one line, however large the fleet is. */
export function checkText(
  { failures, warnings, unchecked, notes }: Pick<FleetWorkView, 'failures' | 'warnings' | 'unchecked' | 'notes'>,
  results: readonly CheckResult[],
  o: { readonly topology: string; readonly isQuiet: boolean },
): string {
  const rows: string[][] = [];
  const advice: string[] = [];
  for (const group of alike(results)) {
    const [first] = group;
    if (!first || (o.isQuiet && first.outcome === 'open')) continue;
    const [from, to] = [names(group.map((one) => one.from)), names(group.map((one) => one.to))];
    const [address = '', another] = new Set(group.flatMap((one) => one.address ?? []));
    const where = another === undefined ? address : '';
    const place = placeText(first);
    const kinds = first.diagnoses.map(({ diagnosis, isFailure }) =>
      isFailure ? diagnosis.kind : `${diagnosis.kind} (warning)`,
    );
    const outcome = first.outcome === 'unchecked' ? 'not checked' : kinds.join(', ') || good[first.how ?? 'probe'];
    rows.push([from, to, where, place, outcome, first.channels.join(', ')]);
    const subject = `\n${from} -> ${[to, where, place].filter((one) => one).join(' ')}:`;
    if (first.reason !== undefined) advice.push(`${subject} Not checked: ${first.reason}.\n`);
    for (const { cause, remedy } of first.diagnoses)
      advice.push(`${subject} ${cause}\n${remedy === undefined ? '' : `  ${remedy}\n`}`);
    const rules = group.flatMap(({ rule }) => rule ?? []);
    for (const rule of rules.slice(0, shownNames)) advice.push(`  The rule: ${rule}\n`);
    if (rules.length > shownNames)
      advice.push(`  … and ${rules.length - shownNames} more like it (--json has them all).\n`);
    if (first.why !== undefined) advice.push(`  Why: ${first.why.replace('TOPOLOGY', () => o.topology)}\n`);
  }
  const said = notes.map((note) => `${note}\n`).join('');
  if (results.length === 0) return `${said}Nothing to try: the plan opens nothing between computers.\n`;
  const tried = results.reduce((sum, one) => sum + one.tried, 0);
  const left = unchecked > 0 ? `, ${unchecked} not checked` : '';
  const shown = rows.length > 0 ? table([['From', 'To', 'Address', 'Port', 'Result', 'Channel'], ...rows]) : '';
  return `${shown}${advice.join('')}\n${said}${counted(tried, 'port')} tried, ${failures} results with a failure, ${warnings} with a warning${left}.\n`;
}

/** First what differs in the computer that dials alone, then what of that differs in the one that is dialled alone. */
function alike(results: readonly CheckResult[]): readonly (readonly CheckResult[])[] {
  const shape = ({
    from: _from,
    to: _to,
    address: _address,
    flow: _flow,
    rule: _rule,
    why: _why,
    ...rest
  }: CheckResult) => rest;
  const byTarget = Map.groupBy(results, (one) => JSON.stringify([one.to, one.address, shape(one)]));
  const bySources = Map.groupBy(byTarget.values(), (group) =>
    JSON.stringify([group.map(({ from }) => from).sort(), group[0] && shape(group[0])]),
  );
  return [...bySources.values()].map((groups) => groups.flat());
}

function names(all: readonly string[]): string {
  const different = [...new Set(all)];
  const shown = different.slice(0, shownNames).join(', ');
  return different.length > shownNames ? `${shown} and ${different.length - shownNames} more` : shown;
}

function placeText({ firstPort, lastPort = firstPort, tried }: CheckResult): string {
  if (firstPort === undefined || lastPort === undefined) return '';
  if (firstPort === lastPort) return String(firstPort);
  const range = `${firstPort}-${lastPort}`;
  return tried === lastPort - firstPort + 1 ? range : `${range} (${tried} tried)`;
}
