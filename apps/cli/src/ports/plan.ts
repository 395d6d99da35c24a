import { type FeatureId, features, type PortRange } from '@holdfast/contract';
import type { Flow, OpeningChange, Plan, PlannedHost, PlanOptions } from '@holdfast/contract/plan';
import {
  compareDialStyles,
  diffPlans,
  explainOpening,
  parsePlace,
  planTopology,
  whatIfClosed,
} from '@holdfast/contract/plan';
import { type DialStyle, loadTopology, type Topology } from '@holdfast/contract/topology';
import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import { counted, printJson, printText } from '../output.ts';
import { table } from '../terminal.ts';
import { render } from './render.ts';

export interface PortsPlanOptions {
  readonly includePlanned?: boolean;
  readonly dial?: DialStyle | 'compare';
  readonly why?: string;
  readonly diff?: string;
  readonly whatIf?: string;
  readonly format?: string;
  readonly out?: string;
  readonly host?: string;
  readonly zone?: readonly string[];
  readonly otherwise: 'drop' | 'leave';
  readonly leases?: boolean;
  readonly acceptWidening?: boolean;
  readonly owner?: string;
  readonly expires?: string;
  readonly json?: boolean;
}

/** What `holdfast ports plan` does. Without another question it shows the openings. */
export async function portsPlan(file: string, options: PortsPlanOptions): Promise<ExitStatus> {
  refuseSeveral(options);
  const topology = await loadTopology(file);
  const choice = planOptions(options);
  if (options.dial === 'compare') return await showDialStyles(topology, choice, options);
  const plan = planTopology(topology, choice);
  if (options.why !== undefined) return await showWhy(plan, options.why, options);
  if (options.whatIf !== undefined) return await showWhatIf({ topology, plan, choice }, options.whatIf, options);
  if (options.diff !== undefined)
    return await showDiff(planTopology(await loadTopology(options.diff), choice), plan, options);
  if (options.format !== undefined) return await render(plan, options.format, options);
  if (options.json) await printJson(planJson(plan));
  else await printText(planText(plan));
  return exitStatus.success;
}

function planOptions({ includePlanned, dial }: PortsPlanOptions): PlanOptions {
  return {
    ...(includePlanned ? { includePlanned } : {}),
    ...(dial === undefined || dial === 'compare' ? {} : { dial }),
  };
}

/** One question at a time: two answers in one output would be neither. */
function refuseSeveral(options: PortsPlanOptions): void {
  const given = [
    options.why === undefined ? '' : '--why',
    options.diff === undefined ? '' : '--diff',
    options.whatIf === undefined ? '' : '--what-if',
    options.format === undefined ? '' : '--format',
    options.dial === 'compare' ? '--dial compare' : '',
  ].filter((one) => one !== '');
  if (given.length > 1)
    throw new HoldfastError('usage.option', {
      message: `${given.join(' and ')} are different questions: ask one at a time.`,
    });
  const { out, host, zone, otherwise, leases, acceptWidening, owner, expires } = options;
  const forRenderings = { out, host, zone, leases, 'accept-widening': acceptWidening, owner, expires };
  const [unused] = Object.entries({ ...forRenderings, otherwise: otherwise === 'leave' || undefined }).find(
    ([, value]) => value !== undefined,
  ) ?? [undefined];
  if (unused !== undefined && options.format === undefined)
    throw new HoldfastError('usage.option', {
      message: `--${unused} needs --format: it is about what is rendered.`,
      guidance: 'Add --format; an unknown one prints the list.',
    });
}

function planText(plan: Plan): string {
  const notes = plan.notes.map((note) => `\n${note}\n`).join('');
  if (plan.flows.length === 0) return `Nothing needs an opening.\n${notes}`;
  const rows = plan.flows.map((flow) => [
    hostList(flow.from),
    hostList(flow.to),
    portText(flow),
    flow.origin === 'administrator' ? flow.reasons.join('; ') : flow.channels.join(', '),
    marks(flow),
  ]);
  const managed = plan.hosts.filter((host) => host.managed).length;
  return `${table([['From', 'To', 'Port', 'Channel, or reason', ''], ...rows])}\n${counted(plan.flows.length, 'opening')} between ${counted(plan.hosts.length, 'host and neighbour', 'hosts and neighbours')}, ${managed} of them with rules of their own.\n${notes}`;
}

/** What a reader has to know of the opening beside its ends. */
function marks(flow: Flow): string {
  const found = [];
  if (flow.leased) found.push('only during sessions');
  if (flow.fallbackFor.length > 0)
    found.push(flow.fallbackFor.length === flow.channels.length ? 'stands in' : 'also stands in');
  if (flow.origin === 'administrator') found.push("not Holdfast's");
  return found.join(', ');
}

/** By the name that the topology gives it, and the addresses that stand in the logs of the host. */
function seenFrom(host: PlannedHost, peer: PlannedHost): string {
  return peer.seenAs && peer.zone !== host.zone
    ? `${peer.name} (seen as ${peer.seenAs.addresses.join(', ')})`
    : peer.name;
}

const maxNamed = 3;

function hostList(hosts: readonly PlannedHost[] | readonly string[]): string {
  const names = hosts.map((host) => (typeof host === 'string' ? host : host.name));
  if (names.length <= maxNamed) return names.join(', ');
  return `${names.slice(0, maxNamed).join(', ')} and ${names.length - maxNamed} more`;
}

function portText({ transport, ports }: { readonly transport: string; readonly ports: readonly PortRange[] }): string {
  return `${transport} ${ports.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ')}`;
}

/** The fields are stable. */
function planJson(plan: Plan): object {
  return {
    kind: 'plan',
    name: plan.name,
    hosts: plan.hosts.map(({ seenAs, ...host }) => ({ ...host, ...(seenAs ? { seenAs: seenAs.addresses } : {}) })),
    flows: plan.flows.map(flowJson),
    notes: plan.notes,
  };
}

function flowJson({ from, to, ...flow }: Flow): object {
  return { ...flow, from: from.map(({ name }) => name), to: to.map(({ name }) => name) };
}

async function showWhy(plan: Plan, place: string, options: PortsPlanOptions): Promise<ExitStatus> {
  const explanation = explainOpening(plan, parsePlace(place, plan.hosts));
  const { host, openings, others } = explanation;
  if (options.json) {
    await printJson({
      kind: 'why',
      host: host.name,
      openings: openings.map(({ flow, peers, channels }) => ({
        flow: flow.id,
        origin: flow.origin,
        reasons: flow.reasons,
        peers: peers.map(({ name }) => name),
        channels: channels.map(({ channel, rows, stops }) => ({
          id: channel.id,
          purpose: channel.purpose,
          rows,
          stops,
        })),
      })),
    });
    return openings.length > 0 ? exitStatus.success : exitStatus.failed;
  }
  if (openings.length === 0) {
    const known = others.map(({ id }) => id);
    const hint = known.length === 0 ? '' : ` Channels of the contract on such ports: ${known.slice(0, 8).join(', ')}.`;
    await printText(`Nothing opens ${place}.${hint}\n`);
    return exitStatus.failed;
  }
  for (const { flow, channels } of openings) {
    const peers = flow.from.filter((one) => one !== host).map((one) => seenFrom(host, one));
    await printText(`${portText(flow)} on ${host.name} is open to ${hostList(peers)}:\n`);
    if (flow.origin === 'administrator') await printText(`  not Holdfast's: ${flow.reasons.join('; ')}\n`);
    for (const { channel, rows, stops } of channels) {
      await printText(`  ${channel.id}\n    ${channel.purpose}\n`);
      if (channel.optional) await printText(`    Needed ${channel.optional.condition}.\n`);
      if (flow.fallbackFor.includes(channel.id))
        await printText(`    Stands in for ${channel.fallbackOf} when that is blocked.\n`);
      for (const stop of stops) await printText(`    Stops without it: ${stop}\n`);
      for (const row of rows) await printText(`    Row ${row.id}: ${row.purpose}\n`);
      if (channel.reason !== undefined) await printText(`    No row of the port documents: ${channel.reason}\n`);
    }
    await printText('\n');
  }
  return exitStatus.success;
}

async function showWhatIf(
  o: { readonly topology: Topology; readonly plan: Plan; readonly choice: PlanOptions },
  text: string,
  options: PortsPlanOptions,
): Promise<ExitStatus> {
  if (!text.startsWith('close='))
    throw new HoldfastError('usage.option', {
      message: `--what-if ${text}: this can't be asked.`,
      guidance: 'Ask what would stop: --what-if close=store-1:6162',
    });
  const place = parsePlace(text.slice('close='.length), o.plan.hosts);
  const closed = whatIfClosed(o.topology, place, o.choice);
  const allowed = explainOpening(o.plan, place).openings.flatMap(({ flow }) =>
    flow.origin === 'administrator' ? [flow] : [],
  );
  if (options.json) {
    await printJson({
      kind: 'what-if',
      closed: closed.map(({ channel, standIns, ...rest }) => ({
        channel: channel.id,
        standIns: standIns.map(({ id }) => id),
        ...rest,
      })),
      allowed: allowed.map(flowJson),
    });
    return exitStatus.success;
  }
  for (const { from, reasons } of allowed)
    await printText(`Not Holdfast's, but asked for from ${hostList(from)}: ${reasons.join('; ')}\n`);
  if (closed.length === 0) {
    await printText(
      allowed.length > 0 ? 'Nothing of Holdfast stops.\n' : 'Nothing stops: this plan does not open it.\n',
    );
    return exitStatus.success;
  }
  const rows = closed.map((one) => [
    hostList(one.from),
    one.channel.id,
    one.stopped.join(', ') || 'nothing',
    one.covered.join(', ') || 'nothing',
    one.standIns.map(({ id }) => id).join(', '),
  ]);
  await printText(table([['From', 'Channel', 'Stops', 'Goes on, with a warning', 'Over'], ...rows]));
  await printText(inWords(closed.flatMap(({ stopped, covered }) => [...stopped, ...covered])));
  return exitStatus.success;
}

/** What the features of a table are. */
function inWords(ids: readonly FeatureId[]): string {
  const lines = [...new Set(ids)].map((id) => `${id}: ${features[id]}\n`);
  return lines.length === 0 ? '' : `\n${lines.join('')}`;
}

async function showDiff(before: Plan, after: Plan, options: PortsPlanOptions): Promise<ExitStatus> {
  const { added, removed } = diffPlans(before, after);
  if (options.json) {
    const shown = ({ from, to, flow }: OpeningChange): object => flowJson({ ...flow, from, to });
    await printJson({ kind: 'plan-diff', added: added.map(shown), removed: removed.map(shown) });
    return exitStatus.success;
  }
  const line = (sign: string, { from, to, flow }: OpeningChange): string =>
    `${sign} ${hostList(from)} -> ${hostList(to)}  ${portText(flow)}  ${flow.channels.join(', ') || flow.reasons.join('; ')}\n`;
  await printText([...removed.map((one) => line('-', one)), ...added.map((one) => line('+', one))].join(''));
  await printText(`${added.length} added, ${removed.length} removed.\n`);
  return exitStatus.success;
}

async function showDialStyles(topology: Topology, choice: PlanOptions, options: PortsPlanOptions): Promise<ExitStatus> {
  const costs = compareDialStyles(topology, choice);
  if (options.json) await printJson({ kind: 'dial-styles', styles: costs });
  else {
    const rows = costs.map((cost) => [
      `${cost.style}${cost.isChosen ? ' (chosen)' : ''}`,
      String(cost.flows),
      String(cost.incomingRules),
      String(cost.outgoingRules),
      String(cost.openPorts),
      cost.stopped.join(', ') || 'nothing',
      cost.degraded.join(', ') || 'nothing',
    ]);
    const heading = [
      'Style',
      'Openings',
      'Rules in',
      'Rules out',
      'Open ports',
      'Stops for some',
      'With a warning for some',
    ];
    await printText(table([heading, ...rows], { right: [1, 2, 3, 4] }));
    await printText(inWords(costs.flatMap(({ stopped, degraded }) => [...stopped, ...degraded])));
  }
  return exitStatus.success;
}
