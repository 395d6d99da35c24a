import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { channel, channels, features, isChannelId } from './index.ts';
import { countedBy, isMadeFallback, isMadeFeature, madeBetween, madeChannels } from './made-channels.ts';
import { rowStatuses } from './row-status.ts';

const root = new URL('../../../', import.meta.url).pathname;
const made = Object.entries(madeChannels);

/** What opens a socket, or says along which channel another part is to open one. */
const dialling =
  /\b(dial|dialLease|dialLocal|dialOutside|sendDatagram|postOutside|librarySocket|reportToServer|enrolComputer|dialledChannel)\(/;
const listening = /\b(listen|listenLocal|lease)\(/;

/** Made without being named: a listener moves to the fallback by itself, and the operating system resolves names. */
const unnamed = new Set([
  'client-to-server-alternate',
  ...made.filter(([, one]) => one.dials === 'the operating system').map(([id]) => id),
]);
const halfMade = new Set([
  // Listened along, but nothing dials yet.
  'mover-to-agent-transport',
]);

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
/** Ids of one word are words of the code, too. */
const idsIn = (text: string): string[] =>
  [...text.matchAll(/'([a-z0-9]+(?:-[a-z0-9]+)+)'/g)].map(([, id = '']) => id).filter(isChannelId);

test('each channel that this version makes is dialled and listened along where the table says', () => {
  for (const [id, { dials, listens }] of made) {
    if (unnamed.has(id)) continue;
    const [from, to] = [dials, listens].map((end) => (end === 'outside' ? '' : read(end))) as [string, string];
    if (dials !== 'outside') assert.match(from, dialling, `${dials} dials nothing`);
    if (listens !== 'outside') assert.match(to, listening, `${listens} listens along nothing`);
    assert.ok(from.includes(`'${id}'`) || to.includes(`'${id}'`), `neither ${dials} nor ${listens} names ${id}`);
  }
});

test('no source dials or listens along a channel that the table does not have', () => {
  const sources = globSync(['apps/*/src/**/*.ts', 'packages/{wire,protocol,notify,storage}/src/**/*.ts'], { cwd: root })
    .filter((path) => !/\.test\.ts$|\/testing[./]|fixture|test-certificates/.test(path))
    .filter((path) => dialling.test(read(path)) || listening.test(read(path)));
  assert.ok(sources.length > 10, `only ${sources.length} sources`);
  const named = new Set(sources.flatMap((path) => idsIn(read(path))));
  const known = new Set(made.map(([id]) => id));
  assert.deepEqual(
    [...named].filter((id) => !known.has(id) && !halfMade.has(id)),
    [],
  );
  const oneWord = (id: string): boolean => !id.includes('-');
  assert.deepEqual(
    [...known].filter((id) => !named.has(id) && !unnamed.has(id) && !oneWord(id)),
    [],
  );
});

test('rows that are live belong to channels that are made, between roles for which they are', () => {
  for (const row of rowStatuses) {
    if (row.status !== 'live') continue;
    const between = madeBetween(row.channel);
    assert.ok(between && between.from.length > 0 && between.to.length > 0, row.channel.id);
  }
});

test('a feature that works needs no channel that is missing altogether', () => {
  for (const feature of Object.keys(features) as (keyof typeof features)[]) {
    if (!isMadeFeature(feature)) continue;
    const needed = channels.filter((entry) => entry.features.includes(feature));
    assert.ok(
      needed.some((entry) => madeBetween(entry) !== undefined),
      feature,
    );
  }
});

test('what takes over for a blocked channel in this version', () => {
  const fallbacks = channels.filter(isMadeFallback).map(({ id, fallbackOf }) => `${id} for ${fallbackOf}`);
  assert.deepEqual(fallbacks, [
    'windows-agent-control for windows-agent-service',
    'posix-agent-control for server-to-agent-transport',
    'agent-to-mover-transport for agent-to-mover-data',
    'client-to-server-alternate for client-to-server',
  ]);
  assert.equal(channel('server-to-agent-transport').fallbackOf, 'server-to-agent-data');
});

test('who counts what: a program that runs all the time, and opens the connection itself', () => {
  const ids = [
    'posix-agent-control',
    'server-to-agent-transport',
    'metrics-to-server',
    'host-to-dns',
    'probe',
    's3-api',
  ];
  assert.deepEqual(
    ids.filter(isChannelId).map((id) => [countedBy('from', id), countedBy('to', id)]),
    [
      ['agent', 'server'],
      // The mover of the agent's computer listens for it.
      ['server', 'mover'],
      [undefined, 'server'],
      [undefined, undefined],
      [undefined, undefined],
      [undefined, undefined],
    ],
  );
});
