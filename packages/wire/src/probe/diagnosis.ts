import { formatDuration } from '@holdfast/core';
import { keepAliveDelayMs } from '../limits.ts';

/** `out`: from the dialling to the listening end. */
export type Direction = 'out' | 'in';

/** What is wrong between two ends, told apart by what it looks like from both. */
export type Diagnosis =
  | { readonly kind: 'name-unresolved'; readonly name: string; readonly code: string }
  /** `forward`: the name leads to other addresses than planned; `reverse`: the address has another name. */
  | {
      readonly kind: 'names-disagree';
      readonly direction: 'forward' | 'reverse';
      readonly asked: string;
      readonly found: readonly string[];
      readonly planned: readonly string[];
    }
  | { readonly kind: 'no-route'; readonly where: 'here' | 'on-the-way'; readonly code: string }
  | { readonly kind: 'dropped' }
  /** This computer could not begin: no open files or memory left, or an address that cannot be dialled. */
  | { readonly kind: 'untried'; readonly code: string }
  /** `firewall`: known, because the listener says that it listens there. */
  | { readonly kind: 'refused'; readonly by: 'firewall' | 'unknown' }
  /** This computer's own policy forbids it. */
  | { readonly kind: 'forbidden-here'; readonly code: string }
  | { readonly kind: 'port-in-use'; readonly holder: string }
  | { readonly kind: 'port-reserved'; readonly code: string }
  /** The listening end may not use the port: below 1024, or a security policy. */
  | { readonly kind: 'port-forbidden'; readonly code: string }
  | { readonly kind: 'tls-intercepted'; readonly issuer: string }
  | { readonly kind: 'wrong-certificate'; readonly reason: string }
  | {
      readonly kind: 'cut';
      readonly direction: Direction;
      readonly how: 'reset' | 'silence';
      /** What certainly arrived before. */
      readonly afterBytes: number;
    }
  /** `deadMs`: the shortest silence that it did not survive; `aliveMs`: the longest that it did, 0 if none was tried. */
  | { readonly kind: 'idle-killed'; readonly aliveMs: number; readonly deadMs: number }
  /** Segments of so many bytes pass, and full ones don't. */
  | { readonly kind: 'mtu'; readonly direction: Direction; readonly passesBytes: number }
  | {
      readonly kind: 'nat';
      /** Whose address was translated: that of the dialling end, or that which it dialled. */
      readonly side: 'source' | 'destination';
      readonly own: string;
      readonly seen: string;
    }
  | { readonly kind: 'middlebox'; readonly said: 'nothing' | 'closed' | 'not-tls' | 'tls-of-another' | 'wrong-proof' };

export type DiagnosisKind = Diagnosis['kind'];

/** False for what Holdfast works with all the same. */
export function isFailure(diagnosis: Diagnosis): boolean {
  switch (diagnosis.kind) {
    case 'nat':
    case 'names-disagree':
      return false;
    case 'idle-killed':
      // What is open and silent is probed each time this passes.
      return diagnosis.deadMs <= keepAliveDelayMs;
    default:
      return true;
  }
}

const said = {
  nothing: 'it accepted the connection and then was silent',
  closed: 'it accepted the connection and closed it',
  'not-tls': 'it does not speak TLS',
  'tls-of-another': 'it presents a certificate that is not of Holdfast',
  'wrong-proof': 'it cannot prove that it is the other end of this check',
} as const;

const way = { out: 'to the listening end', in: 'from the listening end' } as const;

/** One sentence: what the cause is. */
export function describeDiagnosis(d: Diagnosis): string {
  switch (d.kind) {
    case 'name-unresolved':
      return `The name ${d.name} is not resolved (${d.code}).`;
    case 'names-disagree':
      return d.direction === 'forward'
        ? `The name ${d.asked} leads to ${d.found.join(', ')}, and the topology has ${d.planned.join(', ')}.`
        : `The address ${d.asked} has the name ${d.found.join(', ')}, and the topology has ${d.planned.join(', ')}.`;
    case 'no-route':
      return d.where === 'here'
        ? `This computer has no route to that address (${d.code}).`
        : `A router on the way, or the last one, reports that it can't reach that address (${d.code}).`;
    case 'untried':
      return `This computer could not try it (${d.code}).`;
    case 'dropped':
      return 'No answer: a firewall drops it, or the host is down.';
    case 'refused':
      return d.by === 'firewall'
        ? 'A firewall rejects it, for the other end does listen there.'
        : 'Refused: nothing listens there, or a firewall rejects it.';
    case 'forbidden-here':
      return `This computer's own firewall or security policy forbids it (${d.code}).`;
    case 'port-in-use':
      return `Another program has the port at the listening end: ${d.holder}.`;
    case 'port-reserved':
      return `The operating system of the listening end has reserved the port (${d.code}), though nothing listens there.`;
    case 'port-forbidden':
      return `The user at the listening end may not listen on the port (${d.code}).`;
    case 'tls-intercepted':
      return `Something on the way intercepts TLS: it presents a certificate of its own, issued by ${d.issuer}.`;
    case 'wrong-certificate':
      return `The service that answers has the wrong certificate: ${d.reason}.`;
    case 'cut':
      return d.how === 'reset'
        ? `The connection is cut after about ${d.afterBytes} bytes ${way[d.direction]}: an intrusion-prevention system.`
        : `Nothing passes any more after about ${d.afterBytes} bytes ${way[d.direction]}: an intrusion-prevention system.`;
    case 'idle-killed':
      return d.aliveMs === 0
        ? `An idle connection is ended after ${formatDuration(d.deadMs)} or less.`
        : `An idle connection is ended after more than ${formatDuration(d.aliveMs)} and at most ${formatDuration(d.deadMs)}.`;
    case 'mtu':
      return `Large segments ${way[d.direction]} get lost and small ones pass (up to about ${d.passesBytes} bytes): a smaller MTU on the way, and its ICMP messages are dropped.`;
    case 'nat':
      return d.side === 'source'
        ? `Addresses are translated (NAT): the listening end sees ${d.seen} in the place of ${d.own}.`
        : `Addresses are translated (NAT): what was dialled as ${d.own} is ${d.seen}.`;
    case 'middlebox':
      return `Something answers in the place of that host: ${said[d.said]}.`;
  }
}

/** Causes that a firewall rule removes. */
export function needsRule(d: Diagnosis): boolean {
  return (['dropped', 'refused', 'no-route', 'forbidden-here', 'middlebox', 'cut'] as const).some(
    (kind) => kind === d.kind,
  );
}

/** What to do about those that no rule removes; undefined where a rule does. */
export function remedy(d: Diagnosis): string | undefined {
  switch (d.kind) {
    case 'name-unresolved':
      return 'Enter the name in DNS, or correct it in the topology.';
    case 'names-disagree':
      return 'Correct DNS (both directions), or the topology.';
    case 'untried':
      return 'See what the code says (EMFILE: too few open files are allowed), and repeat it.';
    case 'port-in-use':
      return 'Stop that program, or give Holdfast another port (`ports:` in the topology).';
    case 'port-reserved':
      return 'List the ranges with `netsh interface ipv4 show excludedportrange protocol=tcp`, or use another port.';
    case 'port-forbidden':
      return 'Run as root, or give the program CAP_NET_BIND_SERVICE; above 1023 look at SELinux and AppArmor.';
    case 'tls-intercepted':
      return 'Have this connection exempted from TLS inspection: the rule asks for it untouched.';
    case 'wrong-certificate':
      return 'Check that the address is right, and the clocks; else enrol that computer again.';
    case 'cut':
      return 'Have this connection exempted from intrusion prevention: the rule asks for it untouched.';
    case 'idle-killed':
      return `Raise the idle time-out of that firewall; Holdfast's own keep-alive comes every ${formatDuration(keepAliveDelayMs)}.`;
    case 'mtu':
      return 'Have ICMP "fragmentation needed" (IPv6: "packet too big") let through, or lower the MTU at one end.';
    case 'nat':
      return 'Write rules for the address that is seen, and `nat:` into the topology, unless nothing should be translated.';
    default:
      return undefined;
  }
}
