import { isIP } from 'node:net';
import { HoldfastError } from '@holdfast/core';
import { runProgram } from '../program.ts';
import { type Json, list, record, text } from '../ruleset/json.ts';
import type { AddressedOpening, LeasingFirewall, TimedOpening } from './opening.ts';

/** The policy of `holdfast ports plan --format firewalld --leases` that lets what may be leased go on to the zones. */
const policy = 'holdfast-leases';
const service = 'org.fedoraproject.FirewallD1';

type Answer =
  | { readonly kind: 'done'; readonly value: Json }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'absent' };

/**
 * Leases as timed rich rules of firewalld's. They belong to zones, and which zone a packet comes through is the
 * administrator's business, so every zone in use gets the rule, which names one address and one port. What this host dials
 * needs none: the rendered rules let it out.
 */
class FirewalldLeases implements LeasingFirewall {
  readonly #bus: Bus;
  /** Where each rule was added; zones may come and go meanwhile. */
  readonly #zonesOf = new Map<string, Set<string>>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async open(openings: readonly TimedOpening[], signal?: AbortSignal): Promise<void> {
    const incoming = openings.filter(isIncoming);
    if (incoming.length === 0) return;
    const zones = await this.#zones(signal);
    for (const { address, port, lifetimeMs } of incoming) {
      const rule = richRule(address, port);
      const seconds = Math.ceil(lifetimeMs / 1000);
      const added = this.#zonesOf.get(rule) ?? new Set();
      this.#zonesOf.set(rule, added);
      for (const zone of zones) {
        added.add(zone);
        // firewalld leaves the time-out of a rule as it was when it is added again.
        await this.remove(zone, rule, signal);
        await this.add(zone, rule, { seconds, signal });
      }
    }
  }

  async close(openings: readonly AddressedOpening[]): Promise<void> {
    for (const { address, port } of openings.filter(isIncoming)) {
      const rule = richRule(address, port);
      for (const zone of this.#zonesOf.get(rule) ?? []) await this.remove(zone, rule);
      this.#zonesOf.delete(rule);
    }
  }

  async add(
    zone: string,
    rule: string,
    { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    need(await this.#bus.call('zone.addRichRule', ['ssi', zone, rule, `${seconds}`], signal));
  }

  /** What is not there has ended already, and so have the rules of a zone that is gone. */
  async remove(zone: string, rule: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#bus.call('zone.removeRichRule', ['ss', zone, rule], signal);
    if (answer.kind !== 'failed' || !/NOT_ENABLED|INVALID_ZONE/.test(answer.reason)) need(answer);
  }

  /** Those that have interfaces or sources, and the one for interfaces that have none. */
  async #zones(signal: AbortSignal | undefined): Promise<readonly string[]> {
    const active = record(need(await this.#bus.call('zone.getActiveZones', [], signal)));
    return [...new Set([...Object.keys(active), await this.defaultZone(signal)])];
  }

  async defaultZone(signal: AbortSignal | undefined): Promise<string> {
    return text(need(await this.#bus.call('getDefaultZone', [], signal)));
  }
}

/**
 * Undefined where there cannot be a firewalld. @throws `firewall.lease` where it does not run, this process may not change it,
 * or the rules for leases are not loaded.
 */
export async function openFirewalld(program: string, signal?: AbortSignal): Promise<LeasingFirewall | undefined> {
  const bus = new Bus(program);
  const answer = await bus.call('policy.getPolicies', [], signal);
  if (answer.kind === 'absent') return undefined;
  if (answer.kind === 'failed' && /does not exist|Failed to connect to bus|not provided/.test(answer.reason))
    throw new HoldfastError('firewall.lease', {
      message: 'firewalld does not run.',
      guidance: 'Where firewalld is the firewall, start it first: After=firewalld.service in the systemd unit.',
    });
  if (!list(need(answer)).includes(policy))
    throw new HoldfastError('firewall.lease', {
      message: `firewalld has no policy ${policy}.`,
      guidance: 'Apply the rules that `holdfast ports plan TOPOLOGY --format firewalld --leases` writes for this host.',
    });
  const leases = new FirewalldLeases(bus);
  // A rule for an address that nobody has takes the same rights as a lease.
  const rule = richRule('192.0.2.1', 1);
  const zone = await leases.defaultZone(signal);
  await leases.remove(zone, rule, signal);
  await leases.add(zone, rule, { seconds: 1, signal });
  return leases;
}

/** Calls of firewalld's D-Bus interface (firewalld.dbus(5)). `busctl` takes a hundredth of the time that `firewall-cmd` takes. */
class Bus {
  readonly #program: string;

  constructor(program: string) {
    this.#program = program;
  }

  /** `args`: their signature, then each. The answer's first value. */
  async call(method: string, args: readonly string[], signal: AbortSignal | undefined): Promise<Answer> {
    const parts = method.split('.');
    const name = parts.pop() ?? '';
    const finished = await runProgram(
      this.#program,
      [
        ...['--system', '--auto-start=no', '--json=short', 'call'],
        ...[service, '/org/fedoraproject/FirewallD1', [service, ...parts].join('.'), name],
        ...args,
      ],
      { signal },
    );
    if (finished.kind !== 'done') return finished;
    return { kind: 'done', value: list(record(parse(finished.output))['data'])[0] ?? null };
  }
}

const isIncoming = ({ direction }: AddressedOpening): boolean => direction === 'in';

function parse(output: string): Json {
  try {
    return JSON.parse(output) as Json;
  } catch (cause) {
    throw new HoldfastError('firewall.lease', { message: 'busctl printed no JSON.', cause });
  }
}

function richRule(address: string, port: number): string {
  return `rule family=ipv${isIP(address)} source address=${address} port port=${port} protocol=tcp accept`;
}

/** @throws `firewall.lease` */
function need(answer: Answer): Json {
  if (answer.kind === 'done') return answer.value;
  const reason = answer.kind === 'absent' ? 'there is no program busctl any more' : answer.reason;
  if (/NOT_?AUTHORIZED|not authori[sz]ed|access denied|authentication required|not connected/i.test(reason))
    throw new HoldfastError('firewall.lease', {
      message: 'This process may not change the firewall of firewalld.',
      guidance: `Allow its user the action ${service}.config in a rule of polkit, or run it as root.`,
    });
  throw new HoldfastError('firewall.lease', {
    message: `firewalld refused: ${reason.slice(0, 500)}`,
    guidance: 'See what the message says.',
  });
}
