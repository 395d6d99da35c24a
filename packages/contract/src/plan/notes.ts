import type { Channel } from '../channels.ts';
import { features } from '../features.ts';
import { isMadeFeature } from '../made-channels.ts';
import type { Applied, BlockedChannel, Obstacle } from './apply-channels.ts';
import { consequences } from './consequences.ts';

const maxNamed = 5;

/** What the reader of a plan must know beside its flows. */
export function planNotes(applied: Applied, choice: { readonly includePlanned: boolean }): readonly string[] {
  const notes = [...blockedNotes(applied.blocked)];
  for (const { channel, to } of applied.portless)
    notes.push(
      `The port of ${to.example.name} is not known: give it as \`ports: { ${channel.id}: PORT }\`. Nothing is opened to it.`,
    );
  if (applied.omitted.length > 0) notes.push(omittedNote(applied.omitted));
  if (choice.includePlanned)
    notes.push('Openings for what this version does not make yet are part of this plan: nothing uses them today.');
  return notes;
}

function blockedNotes(blocked: readonly BlockedChannel[]): readonly string[] {
  const alike = Map.groupBy(
    blocked,
    ({ channel, why, to, standIns }) => `${channel.id} ${why} ${to.nat?.name} ${standIns.map(({ id }) => id).join()}`,
  );
  return [...alike.values()].map((group) => {
    const [first] = group;
    if (!first) return '';
    const names = [...new Set(group.flatMap(({ to }) => to.hosts.map(({ name }) => name)))];
    const shown = names.slice(0, maxNamed).join(', ');
    const hosts = names.length > maxNamed ? `${shown} and ${names.length - maxNamed} more` : shown;
    const zone = first.to.nat?.name ?? '';
    return `${reasons[first.why](zone)}: ${first.channel.id} is not opened to ${hosts}; ${instead(first)}.`;
  });
}

const reasons: Readonly<Record<Obstacle, (zone: string) => string>> = {
  nat: (zone) => `Nothing dials in to zone ${zone}`,
  'cloud-machine': () => 'Nothing dials in to a cloud machine',
  preinstalled: () => 'The agent was installed beforehand',
  'outbound-only': () => 'Nothing dials the computers of agents',
  'single-port': () => 'Data shares the port of the sessions',
};

function instead({ why, standIns, features: lost }: BlockedChannel): string {
  const { covered, stopped } = consequences(lost, standIns);
  const stands = standIns.map(({ id }) => id).join(' and ');
  if (covered.length === 0)
    return `without it, this stops: ${stopped.map((id) => `${id} (${features[id]})`).join('; ')}`;
  const also = stopped.length === 0 ? '' : `, but not for ${stopped.join(', ')}`;
  // The server knows of such an agent, and does not even try to dial it.
  if (why === 'preinstalled') return `${stands} takes its place${also}`;
  return `${stands} stands in, and runs that need it end with a warning${also}`;
}

function omittedNote(omitted: readonly Channel[]): string {
  const lacking = [...new Set(omitted.flatMap((channel) => channel.features))].filter((id) => !isMadeFeature(id));
  // What works between some roles may be still to come between these.
  const waiting = lacking.length > 0 ? lacking : omitted.map(({ id }) => id);
  return `This version does not make ${omitted.length} of the contract's channels that this topology would use, and no opening is planned for them (--include-planned shows them). What has to wait: ${waiting.join(', ')}.`;
}
