import { asSeenFrom } from '../../plan/host-rules.ts';
import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import type { Renderer, RenderOptions, Widening } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { digest, targetNames } from '../target-names.ts';
import { checkFamilies, prefixesOf, standingWidenings } from './flow-ends.ts';

/** PAN-OS: names of objects and rules. */
const nameCharacters = 63;
/** PAN-OS: names of zones. */
const zoneCharacters = 31;
/** PAN-OS: descriptions take 1023. */
const descriptionCharacters = 255;
/** PAN-OS: members of one static address group. Groups of groups hold more. */
const groupMembers = 2500;
/** A command line that every terminal takes: members are added to groups in several commands. */
const membersPerCommand = 40;

const dropRule = 'holdfast-drop';

/** A name that is exactly one host: PAN-OS resolves it; patterns it knows in URL categories only. */
const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/;

/**
 * Objects and security rules in set format, for the candidate configuration. Names of objects that hold several others come
 * from what they hold, so `set`, which only ever adds, never leaves anything in them that is no longer planned.
 */
export const paloAlto: Renderer = {
  id: 'palo-alto',
  title: 'Palo Alto set commands',
  scope: 'network',
  verifiedBy:
    'a parser of the emitted grammar, which evaluates the rules packet by packet; not loaded by PAN-OS itself',
  render(plan: Plan, { otherwise = 'drop', leases = false }: RenderOptions = {}) {
    checkFamilies(plan);
    const objects = new Objects();
    const zoneOf = targetNames({ maximumLength: zoneCharacters, alsoAllowed: '_.' });
    const rules = plan.flows.flatMap(splitByNames).map((part) => ({
      ...part,
      source: objects.end(seenSources(part)),
      destination: objects.end(part.to),
      services: part.flow.ports.map((range) => objects.service(part.flow.transport, formatRange(range))),
    }));
    const zonesOf = (hosts: readonly PlannedHost[]): string =>
      // Of a host without a zone, the addresses alone say who it is.
      hosts.some(({ zone }) => zone === '')
        ? 'any'
        : list([...new Set(hosts.map(({ zone }) => zone))].map((zone) => quote(zoneOf(zone))));
    const set = rules.map(({ name, flow, from, to, source, destination, services }) =>
      [
        `set rulebase security rules ${name} from ${zonesOf(from)} to ${zonesOf(to)}`,
        `source ${source} destination ${destination} application any service ${list(services)} action allow log-end yes`,
        `description ${quote(ruleComment(flow, descriptionCharacters))}`,
      ].join(' '),
    );
    // Between these and others PAN-OS lets nothing pass by itself.
    const inZones = plan.hosts.filter(({ zone }) => zone !== '');
    const zones = zonesOf(inZones);
    const dropping = otherwise === 'drop' && rules.length > 0 && inZones.length > 0;
    const drop = dropping
      ? [
          `set rulebase security rules ${dropRule} rule-type interzone from ${zones} to ${zones} source any destination any application any service any action drop log-end yes description ${quote(`What the plan ${safeText(plan.name, 100)} does not open between these zones`)}`,
          // Rules that are added later are placed after it.
          `move rulebase security rules ${dropRule} bottom`,
        ]
      : [];
    const removed = [...(dropping ? [dropRule] : []), ...rules.map(({ name }) => name)];
    return {
      files: [{ path: 'palo-alto.txt', content: text([...objects.set, ...set, ...drop]) }],
      removal: [
        {
          path: 'removal/palo-alto.txt',
          content: text([
            ...removed.map((name) => `delete rulebase security rules ${name}`),
            ...objects.remove.toReversed(),
          ]),
        },
      ],
      widenings: plan.flows.flatMap((flow) => [
        ...patternWidenings(flow),
        ...standingWidenings(flow, { title: paloAlto.title, leases }),
      ]),
    };
  },
};

/** Objects that rules refer to, each made once, before what refers to it. */
class Objects {
  readonly set: string[] = [];
  readonly remove: string[] = [];
  readonly #made = new Set<string>();
  readonly #ends = new Map<readonly PlannedHost[], string>();
  /** For the first address of each host, the second … */
  readonly #addressNames: ((host: string) => string)[] = [];

  /** One end of a rule: an address, a group, or `any` where a host is known by a pattern of names alone. */
  end(hosts: readonly PlannedHost[]): string {
    const before = this.#ends.get(hosts);
    if (before !== undefined) return before;
    const members = hosts.every(isAddressable) ? hosts.flatMap((host) => this.#addresses(host)) : [];
    const name = members.length > 0 ? this.#group([...new Set(members)]) : 'any';
    this.#ends.set(hosts, name);
    return name;
  }

  service(transport: string, ports: string): string {
    const name = `hf-${transport}-${ports}`;
    this.#make(`service ${name}`, [`protocol ${transport} port ${ports}`]);
    return name;
  }

  #addresses(host: PlannedHost): readonly string[] {
    const forms =
      host.addresses.length > 0
        ? prefixesOf([host]).flatMap(({ prefixes }) => prefixes.map((prefix) => `ip-netmask ${prefix}`))
        : host.names.map((name) => `fqdn ${name}`);
    return forms.map((form, index) => {
      this.#addressNames[index] ??= targetNames({
        prefix: index === 0 ? 'hf-' : `hf${index + 1}-`,
        maximumLength: nameCharacters,
        alsoAllowed: '_',
      });
      const name = this.#addressNames[index](host.name);
      this.#make(`address ${name}`, [form]);
      return name;
    });
  }

  #group(members: readonly string[]): string {
    const [only] = members;
    if (members.length === 1 && only !== undefined) return only;
    if (members.length > groupMembers)
      return this.#group(chunks(members, groupMembers).map((part) => this.#group(part)));
    const name = `hf-group-${digest(members.join(' '))}`;
    const commands = chunks(members, membersPerCommand).map((part) => `static ${list(part)}`);
    this.#make(`address-group ${name}`, commands);
    return name;
  }

  #make(object: string, forms: readonly string[]): void {
    if (this.#made.has(object)) return;
    this.#made.add(object);
    this.set.push(...forms.map((form) => `set ${object} ${form}`));
    this.remove.push(`delete ${object}`);
  }
}

/** A host of which PAN-OS can know the addresses. */
function isAddressable({ addresses, names }: PlannedHost): boolean {
  return addresses.length > 0 || (names.length > 0 && names.every((name) => hostName.test(name)));
}

/** A rule, or what becomes one. */
interface Part {
  readonly name: string;
  readonly flow: Flow;
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
}

/** Hosts known by patterns of names get rules of their own, so that any address is open in their zones only. */
function splitByNames(flow: Flow): readonly Part[] {
  const halves = (hosts: readonly PlannedHost[]): readonly (readonly PlannedHost[])[] =>
    hosts.every(isAddressable)
      ? [hosts]
      : [hosts.filter(isAddressable), hosts.filter((host) => !isAddressable(host))].filter((half) => half.length > 0);
  const label = (flow.channels[0] ?? 'administrator').slice(0, nameCharacters - 18);
  return halves(flow.from)
    .flatMap((from) => halves(flow.to).map((to) => ({ flow, from, to })))
    .map((part, index) => ({ ...part, name: `hf-${label}-${digest(flow.id)}${index === 0 ? '' : `-${index + 1}`}` }));
}

function patternWidenings(flow: Flow): readonly Widening[] {
  const patterns = [...flow.from, ...flow.to].filter((host) => !isAddressable(host));
  if (patterns.length === 0) return [];
  const names = patterns.map((host) => [host.name, ...host.names].join(' ')).join(', ');
  const message = `Any address of their zones is open: the plan has no addresses of ${JSON.stringify(names)}, and PAN-OS takes no patterns of names as addresses.`;
  return [{ flow: flow.id, message }];
}

function list(members: readonly string[]): string {
  return members.length === 1 ? (members[0] ?? '') : `[ ${members.join(' ')} ]`;
}

/** What the firewall sees of them: the translated addresses, but inside a zone. */
function seenSources({ from, to }: Part): readonly PlannedHost[] {
  const [zone, ...others] = new Set(to.map((host) => host.zone));
  const seen = asSeenFrom(zone ?? '', from);
  return others.length === 0 ? seen : [...new Set([...seen, ...others.flatMap((other) => asSeenFrom(other, from))])];
}

/** What passes here has no quotes. */
function quote(text: string): string {
  return /^[A-Za-z0-9._-]+$/.test(text) ? text : `"${text}"`;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
