import { isIPv6 } from 'node:net';
import type { CheckResult, TryEvent } from '@holdfast/protocol';
import type { PortState } from '@holdfast/wire/probe';
import type { Attempt, Opening } from './attempts.ts';

type Probe = typeof import('@holdfast/wire/probe');
type ProbeResult = TryEvent['results'][number];
type Diagnosis = ProbeResult['diagnoses'][number];

export interface Told {
  /** Undefined: about the names of the computer. */
  readonly opening: Opening | undefined;
  readonly result: CheckResult;
}

/**
 * What is told of one attempt, for people: ports beside each other with the same outcome are one result. What nobody asked for,
 * and what is told twice, is left out.
 */
export function checkResults(
  attempt: Attempt,
  results: readonly ProbeResult[],
  o: { readonly probe: Probe; readonly stateOf: (opening: Opening, port: number) => PortState | undefined },
): readonly Told[] {
  const told: CheckResult[] = [];
  const seen = new Set<string>();
  const { addresses } = attempt.to;
  const asked = new Map(attempt.openings.flatMap((opening) => opening.ports.map((port) => [port, opening] as const)));
  let lastKey = '';
  for (const result of results) {
    const opening = result.port === undefined ? undefined : asked.get(result.port);
    const isAsked = opening ? addresses.length === 0 || addresses.includes(result.address) : result.port === undefined;
    // About its names there is one, whatever they are said to be.
    const place = result.port === undefined ? '' : `${result.address} ${result.port}`;
    // A name leads to some addresses at most.
    if (!isAsked || seen.has(place) || (addresses.length === 0 && seen.size >= maxNamedResults)) continue;
    seen.add(place);
    const state = opening && result.port !== undefined ? o.stateOf(opening, result.port) : undefined;
    const diagnoses = result.diagnoses.map((one) => withHolder(one, state));
    const key = JSON.stringify([result.address, result.how, opening?.flow.id, diagnoses]);
    const last = told.at(-1);
    if (last && key === lastKey && result.port !== undefined) {
      last.lastPort = result.port;
      last.tried += 1;
      continue;
    }
    lastKey = key;
    told.push({
      from: attempt.from.name,
      to: attempt.to.name,
      outcome: diagnoses.some(o.probe.isFailure) ? 'failed' : diagnoses.length > 0 ? 'warning' : 'open',
      address: result.address,
      ...(result.port === undefined ? {} : { firstPort: result.port, lastPort: result.port }),
      tried: result.port === undefined ? 0 : 1,
      how: result.how,
      ...(opening ? { flow: opening.flow.id } : {}),
      channels: [...(opening?.flow.channels ?? [])],
      diagnoses: diagnoses.map((diagnosis) => {
        const remedy = o.probe.remedy(diagnosis);
        const cause = o.probe.describeDiagnosis(diagnosis);
        return {
          diagnosis,
          isFailure: o.probe.isFailure(diagnosis),
          cause,
          ...(remedy === undefined ? {} : { remedy }),
        };
      }),
    });
  }
  return told.map((one): Told => {
    const opening = one.firstPort === undefined ? undefined : asked.get(one.firstPort);
    const needsRule = one.diagnoses.some(({ diagnosis }) => o.probe.needsRule(diagnosis));
    return { opening, result: opening && needsRule ? { ...one, ...ruleFor(attempt, opening, one) } : one };
  });
}

/** Ports of a computer that is known by name alone, over all addresses that the name leads to. */
const maxNamedResults = 4_096;

/** Those who dial are not told the names of programs of others; this server knows them. */
function withHolder(diagnosis: Diagnosis, state: PortState | undefined): Diagnosis {
  if (diagnosis.kind !== 'port-in-use' || state?.kind !== 'held') return diagnosis;
  return { ...diagnosis, holder: state.holder };
}

/**
 * Of a computer of which it is only known which addresses it has, not which of them others use, one that works will do: without
 * the failures at its other addresses.
 */
export function atBestAddress(told: readonly Told[]): readonly Told[] {
  const placeOf = ({ opening, result }: Told): string => `${opening?.flow.id} ${result.address}`;
  const failing = new Set(told.filter(({ result }) => result.outcome === 'failed').map(placeOf));
  const working = new Set(told.filter((one) => !failing.has(placeOf(one))).map(({ opening }) => opening));
  return told.filter((one) => !failing.has(placeOf(one)) || !working.has(one.opening));
}

/** What to ask the firewall's administrator for: the whole range where no port of it passes. */
function ruleFor(
  { from, to }: Attempt,
  { flow, ports }: Opening,
  { address = '', firstPort = 0, lastPort = firstPort, tried }: CheckResult,
): Pick<CheckResult, 'rule' | 'why'> {
  const range = (first: number, last: number): string => (first === last ? String(first) : `${first}-${last}`);
  const shown =
    tried === ports.length ? flow.ports.map((one) => range(one.from, one.to)).join(',') : range(firstPort, lastPort);
  const own = from.addresses.filter((one) => isIPv6(one) === isIPv6(address));
  const place = own.length > 0 ? ` (${own.join(', ')})` : '';
  return {
    rule: `tcp ${shown} from ${from.name}${place} to ${to.name} (${address})`,
    why: `holdfast ports plan TOPOLOGY --why ${to.host.name}:${range(firstPort, lastPort)}`,
  };
}
