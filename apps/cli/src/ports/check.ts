import { readFile } from 'node:fs/promises';
import type { Flow, Plan, PlannedHost } from '@holdfast/contract/plan';
import { planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { type ExitStatus, exitStatus, formatDuration, HoldfastError, systemClock } from '@holdfast/core';
import {
  checkNames,
  type Diagnosis,
  describeDiagnosis,
  isFailure,
  maxIdleMs,
  needsRule,
  type PortState,
  type ProbeKey,
  ProbeListener,
  type ProbeResult,
  Prober,
  probeKey,
  remedy,
} from '@holdfast/wire/probe';
import { counted, type OutputOptions, printJson, printText } from '../output.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import {
  type CheckTarget,
  checkTargets,
  listeningPorts,
  plannedHost,
  sameFamily,
  type Unchecked,
} from './check-targets.ts';

export interface PortsCheckOptions extends OutputOptions {
  readonly host: string;
  readonly secretFile: string;
  readonly listen?: boolean;
  /** Milliseconds. */
  readonly for: number;
  readonly allPorts?: boolean;
  /** Milliseconds. */
  readonly idle?: number;
  /** Bytes. */
  readonly payload?: number;
  readonly cacert?: string;
  readonly includePlanned?: boolean;
}

/** Tries every flow of the plan from one host, or waits at one for those who try. */
export async function portsCheck(file: string, options: PortsCheckOptions, work: Work): Promise<ExitStatus> {
  if (options.idle !== undefined && options.idle > maxIdleMs)
    throw new HoldfastError('usage.option', { message: `--idle: at most ${formatDuration(maxIdleMs)} can be tried.` });
  const plan = planTopology(await loadTopology(file), options.includePlanned ? { includePlanned: true } : {});
  const host = plannedHost(plan, options.host);
  const key = await readKey(options.secretFile);
  return options.listen
    ? await listen(plan, host, { key, options, work })
    : await check({ file, plan, host, key, options, work });
}

async function readKey(file: string): Promise<ProbeKey> {
  const guidance = 'Make one, and copy it to both computers: openssl rand -base64 32 > FILE';
  const text = await readOption('--secret-file', file, guidance);
  return probeKey(Buffer.from(text.trim()));
}

async function readOption(option: string, file: string, guidance: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError('usage.option', { message: `${option} ${file} can't be read: ${why}.`, guidance, cause });
  }
}

async function listen(
  plan: Plan,
  host: PlannedHost,
  o: { readonly key: ProbeKey; readonly options: PortsCheckOptions; readonly work: Work },
): Promise<ExitStatus> {
  const { options, work } = o;
  const addresses = ['127.0.0.1', ...host.addresses.filter((address) => !address.includes('/'))];
  const ports = listeningPorts(plan, host);
  let proven = 0;
  await using listener = await ProbeListener.start({
    ports,
    admissions: [{ key: o.key, ports }],
    namesHolders: true,
    addresses,
    onProven: (port, address) => {
      proven += 1;
      work.view.status(`${counted(proven, 'connection')} of others proven; the last from ${address} to port ${port}`);
    },
  });
  const states = [...listener.states];
  if (options.json)
    await printJson({
      kind: 'ports-listen',
      host: host.name,
      ports: states.map(([port, state]) => ({ port, ...state })),
    });
  else {
    const rows = merge(states.map(([port, state]) => ({ port, text: stateText(state) })));
    const shown = rows.map(({ ports, first }) => [runsText(ports), first.text]);
    await printText(
      `${table([['Port', 'State'], ...shown])}\nListening for ${formatDuration(options.for)}; Ctrl-C ends it.\n`,
    );
  }
  try {
    await systemClock.sleep(options.for, work.signal);
  } catch (error) {
    // That is how it is ended when the other end has finished.
    if (!work.signal.aborted) throw error;
  }
  return exitStatus.success;
}

function stateText(state: PortState): string {
  switch (state.kind) {
    case 'open':
      return 'waits for the other end';
    case 'held':
      return `held by ${state.holder}${state.fingerprint === undefined ? '' : ', which speaks TLS and is checked itself'}`;
    case 'reserved':
      return `reserved by the operating system (${state.code})`;
    case 'forbidden':
      return `forbidden to this user (${state.code})`;
  }
}

interface CheckJob {
  readonly file: string;
  readonly plan: Plan;
  readonly host: PlannedHost;
  readonly key: ProbeKey;
  readonly options: PortsCheckOptions;
  readonly work: Work;
}

/** One port of one address, tried; or the names of a host, which have no port. */
interface Finding {
  readonly to: PlannedHost;
  readonly flow?: Flow;
  readonly result: Omit<ProbeResult, 'port' | 'how'> & {
    readonly port?: number;
    readonly how: ProbeResult['how'] | 'names';
  };
}

async function check(job: CheckJob): Promise<ExitStatus> {
  const { plan, host, options, work } = job;
  const { signal, view } = work;
  const { targets, unchecked } = await checkTargets(plan, host, { allPorts: options.allPorts === true, signal });
  const total = targets.reduce((sum, { ports }) => sum + ports.length, 0);
  let tried = 0;
  const prober = new Prober({
    caPem:
      options.cacert &&
      (await readOption('--cacert', options.cacert, 'Give the CA certificate of the installation (PEM).')),
    payloadBytes: options.payload,
    idleMs: options.idle,
    signal,
    onTried: () => {
      tried += 1;
      view.status(`${tried} of ${counted(total, 'port')} tried`);
    },
  });
  const sources = [...host.addresses, ...(host.seenAs?.addresses ?? [])];
  const hosts = [...new Set(targets.map((target) => target.host))];
  const [names, ...results] = await Promise.all([
    Promise.all(hosts.map((to) => namesOf(to, signal))),
    ...targets.map((target) => tryTarget(prober, target, { key: job.key, sources })),
  ]);
  const findings = [...names.flat(), ...results.flat()];
  view.done();
  const wrong = findings.filter(({ result }) => result.diagnoses.length > 0);
  const failed = wrong.filter(({ result }) => result.diagnoses.some(isFailure)).length;
  const warned = wrong.length - failed;
  if (options.json) await printJson(checkJson(job, findings, unchecked));
  else await printText(checkText(job, { findings, unchecked, failed, warned }));
  if (failed > 0) return exitStatus.failed;
  return warned > 0 ? exitStatus.incomplete : exitStatus.success;
}

async function namesOf(to: PlannedHost, signal: AbortSignal): Promise<readonly Finding[]> {
  const diagnoses = await checkNames({ ...to, signal });
  if (diagnoses.length === 0) return [];
  return [{ to, result: { address: to.names.join(', '), how: 'names', diagnoses } }];
}

async function tryTarget(
  prober: Prober,
  target: CheckTarget,
  o: { readonly key: ProbeKey; readonly sources: readonly string[] },
): Promise<readonly Finding[]> {
  const { host, address, ports, flows } = target;
  const ours = ports.filter(({ port }) => host.managed && flows.get(port)?.origin === 'contract');
  const others = ports.filter((port) => !ours.includes(port));
  const results = await Promise.all([
    prober.checkHost({ address, ports: ours, ...o }),
    Promise.all(others.map(({ port }) => prober.reach({ address, port }))),
  ]);
  return results.flat().map((result): Finding => {
    const flow = flows.get(result.port);
    return { to: host, result, ...(flow ? { flow } : {}) };
  });
}

/** What to ask the firewall's administrator for. */
function ruleFor(
  { host, file }: CheckJob,
  { to, result }: Finding,
  ports: string,
): { readonly rule: string; readonly why: string } {
  const own = sameFamily(host, result.address);
  return {
    rule: `tcp ${ports} from ${host.name} (${own.join(', ')}) to ${to.name} (${result.address})`,
    why: `holdfast ports plan ${file} --why ${to.name}:${ports.split(',')[0]}`,
  };
}

/** The fields are stable. */
function checkJson(job: CheckJob, findings: readonly Finding[], unchecked: readonly Unchecked[]): object {
  return {
    kind: 'ports-check',
    host: job.host.name,
    results: findings.map((finding) => {
      const { to, flow, result } = finding;
      const { diagnoses, ...rest } = result;
      const asks = result.port !== undefined && diagnoses.some(needsRule);
      return {
        to: to.name,
        ...rest,
        flow: flow?.id,
        channels: flow?.channels,
        ok: !diagnoses.some(isFailure),
        diagnoses: diagnoses.map((one) => ({ ...one, cause: describeDiagnosis(one), remedy: remedy(one) })),
        ...(asks ? ruleFor(job, finding, String(result.port)) : {}),
      };
    }),
    unchecked: unchecked.map(({ flow, host, reason }) => ({
      to: host.name,
      flow: flow.id,
      channels: flow.channels,
      reason,
    })),
  };
}

const good = { probe: 'open', service: 'open, its service answers', connect: 'reached', names: 'right' } as const;

function checkText(
  job: CheckJob,
  o: {
    readonly findings: readonly Finding[];
    readonly unchecked: readonly Unchecked[];
    readonly failed: number;
    readonly warned: number;
  },
): string {
  const rows: string[][] = [];
  const advice: string[] = [];
  for (const { ports, first: entry } of merge(o.findings.map(entryOf))) {
    const { to, flow, result } = entry.finding;
    const place = ports.length === 0 ? '' : portsText(ports);
    const kinds = result.diagnoses.map((one) => (isFailure(one) ? one.kind : `${one.kind} (warning)`));
    rows.push([to.name, result.address, place, kinds.join(', ') || good[result.how], flow?.channels.join(', ') ?? '']);
    for (const diagnosis of result.diagnoses)
      advice.push(
        `\n${[to.name, result.address, place].filter((one) => one !== '').join(' ')}: ${adviceText(job, entry.finding, diagnosis, ports)}`,
      );
  }
  const left = o.unchecked.map(
    ({ flow, host, reason }) => `Not checked: ${flow.id} to ${host.name} (${flow.channels.join(', ')}): ${reason}.\n`,
  );
  const tried = o.findings.filter(({ result }) => result.port !== undefined).length;
  const summary = `\n${counted(tried, 'port')} tried, ${o.failed} with a failure, ${o.warned} with a warning.\n`;
  return `${table([['To', 'Address', 'Port', 'Result', 'Channel'], ...rows])}${advice.join('')}\n${left.join('')}${summary}`;
}

function adviceText(job: CheckJob, finding: Finding, diagnosis: Diagnosis, ports: readonly number[]): string {
  const lines = [describeDiagnosis(diagnosis)];
  const what = remedy(diagnosis);
  if (what !== undefined) lines.push(`  ${what}`);
  if (needsRule(diagnosis) && ports.length > 0) {
    const { rule, why } = ruleFor(job, finding, rangeText(ports));
    lines.push(`  The rule: ${rule}`, `  Why: ${why}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Ports beside each other (of those tried) with the same text are one line. */
function merge<Entry extends { readonly port?: number | undefined; readonly text: string }>(
  entries: readonly Entry[],
): readonly { readonly ports: readonly number[]; readonly first: Entry }[] {
  const merged: { ports: number[]; first: Entry }[] = [];
  for (const first of entries) {
    const { port, text } = first;
    const last = merged.at(-1);
    if (last?.first.text === text && port !== undefined) last.ports.push(port);
    else merged.push({ ports: port === undefined ? [] : [port], first });
  }
  return merged;
}

/** Where it was tried, and what came of it. */
function entryOf(finding: Finding): {
  readonly port: number | undefined;
  readonly text: string;
  readonly finding: Finding;
} {
  const { port, ...rest } = finding.result;
  return { port, text: JSON.stringify([finding.to.name, finding.flow?.id, rest]), finding };
}

function rangeText(ports: readonly number[]): string {
  const [first = 0] = ports;
  const last = ports.at(-1) ?? first;
  return first === last ? String(first) : `${first}-${last}`;
}

/** Sorted ports as what they are: runs of consecutive ones. */
function runsText(ports: readonly number[]): string {
  const runs: number[][] = [];
  for (const port of ports) {
    const last = runs.at(-1);
    if (last?.at(-1) === port - 1) last.push(port);
    else runs.push([port]);
  }
  return runs.map(rangeText).join(', ');
}

/** Of one range that was tried, in part or as a whole. */
function portsText(ports: readonly number[]): string {
  const all = (ports.at(-1) ?? 0) - (ports[0] ?? 0) + 1;
  return ports.length === all ? rangeText(ports) : `${rangeText(ports)} (${ports.length} tried)`;
}
