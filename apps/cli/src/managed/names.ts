import { HoldfastError } from '@holdfast/core';
import type { CatalogueSnapshot, Computer, Repository, RestClient } from '@holdfast/protocol';
import { type Definition, type JobKind, jobKind, policyKind } from './job-kinds.ts';

/** People say names; the API wants ids. Both are taken, and what fits more than one thing is refused with all of them. */

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Enough of an id to be meant as one. */
const minimumIdPrefix = 4;

interface Named {
  readonly id: string;
}

interface Choice<Thing extends Named> {
  readonly text: string;
  /** "agent", for messages. */
  readonly what: string;
  readonly things: readonly Thing[];
  readonly nameOf: (thing: Thing) => string;
  /** Where to look them up. */
  readonly command: string;
}

/** The one thing with that id, that name, or that beginning of an id. */
export function choose<Thing extends Named>(choice: Choice<Thing>): Thing {
  const { text, what, things, nameOf, command } = choice;
  const byId = things.find(({ id }) => id === text.toLowerCase());
  if (byId) return byId;
  let found = things.filter((thing) => nameOf(thing) === text);
  if (found.length === 0) found = things.filter((thing) => nameOf(thing).toLowerCase() === text.toLowerCase());
  if (found.length === 0 && text.length >= minimumIdPrefix)
    found = things.filter(({ id }) => id.startsWith(text.toLowerCase()));
  const [first] = found;
  if (found.length === 1 && first) return first;
  if (!first) {
    const known = things.slice(0, 10).map(nameOf).join(', ');
    throw new HoldfastError('request.missing', {
      message: `There is no ${what} ${JSON.stringify(text)}.`,
      guidance:
        known === ''
          ? `There is none at all yet; see \`${command}\`.`
          : `There are: ${known}${things.length > 10 ? ', …' : ''}. \`${command}\` lists all.`,
    });
  }
  throw new HoldfastError('usage.option', {
    message: `${JSON.stringify(text)} fits ${found.length} of ${what}: ${found.map((thing) => `${nameOf(thing)} (${thing.id})`).join(', ')}.`,
    guidance: 'Give the id.',
  });
}

interface Lookup {
  readonly text: string;
  readonly signal: AbortSignal;
}

export async function chooseComputer(
  client: RestClient,
  o: Lookup & { readonly role?: Computer['role'] },
): Promise<Computer> {
  const computers = await client.list('computers', {
    query: o.role === undefined ? {} : { role: o.role },
    signal: o.signal,
  });
  // Whoever was revoked is meant only when named by its id.
  const things = uuid.test(o.text) ? computers : computers.filter(({ state }) => state !== 'revoked');
  return choose({
    text: o.text,
    what: o.role ?? 'computer',
    things,
    nameOf: ({ hostname }) => hostname,
    command: 'holdfast computers list',
  });
}

/** The mover of that name, or the only one. */
export async function chooseMover(
  client: RestClient,
  o: { readonly text: string | undefined; readonly signal: AbortSignal },
): Promise<Computer> {
  if (o.text !== undefined) return chooseComputer(client, { text: o.text, role: 'mover', signal: o.signal });
  const computers = await client.list('computers', { query: { role: 'mover' }, signal: o.signal });
  const movers = computers.filter(({ state }) => state !== 'revoked');
  const [only] = movers;
  if (only && movers.length === 1) return only;
  throw new HoldfastError('usage.option', {
    message: only
      ? `There are ${movers.length} movers: ${movers.map(({ hostname, id }) => `${hostname} (${id})`).join(', ')}.`
      : 'No mover has joined yet.',
    guidance: only
      ? 'Say which one with --mover.'
      : 'Make a token with `holdfast token create --role mover`, and run `holdfast enroll` there.',
  });
}

export async function chooseRepository(client: RestClient, o: Lookup): Promise<Repository> {
  const repositories = await client.list('repositories', { signal: o.signal });
  return choose({
    text: o.text,
    what: 'repository',
    things: repositories,
    nameOf: ({ name }) => name,
    command: 'holdfast repo list',
  });
}

export async function chooseOfKind(kind: JobKind, o: Lookup & { readonly client: RestClient }): Promise<Definition> {
  return choose({
    text: o.text,
    what: kind.noun,
    things: await kind.list(o),
    nameOf: ({ name }) => name,
    command: `holdfast ${kind.noun} list`,
  });
}

/** What sessions and runs may be of. */
export async function jobsAndPolicies(client: RestClient, signal: AbortSignal): Promise<Definition[]> {
  return (await Promise.all([jobKind, policyKind].map((kind) => kind.list({ client, signal })))).flat();
}

export async function chooseJobOrPolicy(client: RestClient, { text, signal }: Lookup): Promise<Definition> {
  const things = await jobsAndPolicies(client, signal);
  return choose({ text, what: 'job or policy', things, nameOf: ({ name }) => name, command: 'holdfast job list' });
}

/** A snapshot of the catalogue by id, beginning of an id, or `latest`. */
export function chooseSnapshot(snapshots: readonly CatalogueSnapshot[], text: string): CatalogueSnapshot {
  // Newest first, as the API gives them.
  const [newest] = snapshots;
  if (text === 'latest' && newest) return newest;
  const found = snapshots.filter(({ id }) => id.startsWith(text.toLowerCase()));
  const [first] = found;
  if (first && found.length === 1) return first;
  if (first) {
    throw new HoldfastError('usage.option', {
      message: `${found.length} snapshots have ids that begin with ${text}: ${found.map(({ id }) => id.slice(0, 16)).join(', ')}.`,
      guidance: 'Give more digits of the id.',
    });
  }
  throw new HoldfastError('snapshot.missing', { message: `The server knows no snapshot ${JSON.stringify(text)}.` });
}
