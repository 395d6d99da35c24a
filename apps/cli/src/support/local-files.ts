import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { agentConfigSchema, loadOwnKey } from '@holdfast/agent';
import { errnoOf } from '@holdfast/core';
import { moverConfigSchema } from '@holdfast/mover';
import { loadIdentity, readSecretFile } from '@holdfast/protocol';
import { serverConfigSchema, shownServerConfig } from '@holdfast/server';
import {
  type BundleFile,
  certificateFacts,
  keptLines,
  type LeftOut,
  type Shown,
  shown,
  shownLine,
} from '@holdfast/support';
import { readChannelReport } from '@holdfast/wire';
import type { z } from 'zod';
import { checkedConfiguration } from '../roles/configuration.ts';
import { shownAgentConfig, shownMoverConfig } from './shown-configurations.ts';
import { taskSummaries } from './task-summaries.ts';

export type LocalRole = 'server' | 'mover' | 'agent';

/** A role of this computer: where it keeps what it has, and its configuration file. */
export interface LocalPlace {
  readonly role: LocalRole;
  readonly dataDir: string;
  readonly config: string | undefined;
}

const configurations: Readonly<Record<LocalRole, readonly [z.ZodType, Shown]>> = {
  server: [serverConfigSchema, shownServerConfig],
  mover: [moverConfigSchema, shownMoverConfig],
  agent: [agentConfigSchema, shownAgentConfig],
};

/** Files with which each role begins to have a data directory. */
const signs: Readonly<Record<LocalRole, string>> = { server: 'ca.pem', mover: 'identity.json', agent: 'identity.json' };
/** Far more than what people write. */
const maxSecretBytes = 4 * 1024 * 1024;

/** What a bundle of this computer does not have. */
export const leftOutOfLocal: readonly LeftOut[] = [
  { what: 'private keys, passwords, grants, tokens, recovery phrases', why: 'secrets' },
  { what: 'contents of the data directory but those that are named here', why: 'they hold secrets' },
  {
    what: 'what is backed up and stored, also names of files, but for those in log lines',
    why: 'none of it is about the program',
  },
  { what: 'what a zero-knowledge configuration names', why: 'for nobody else to know' },
  { what: 'the catalogue of a server', why: '`holdfast support-bundle` without --local asks the server for it' },
  {
    what: 'other log lines than the last ones, and facts in them that are not on a list',
    why: 'they are long, and new facts are not told unseen',
  },
];

/** The roles whose data directories are in a directory, or that it is the one of. */
export async function placesIn(directory: string, configs: Partial<Record<LocalRole, string>>): Promise<LocalPlace[]> {
  const places: LocalPlace[] = [];
  for (const role of ['server', 'mover', 'agent'] as const) {
    const dataDir = join(directory, role);
    // `holdfast up` writes one beside the data directory.
    const own = join(directory, `${role}.json`);
    if (await isThere(join(dataDir, signs[role])))
      places.push({ role, dataDir, config: configs[role] ?? ((await isThere(own)) ? own : undefined) });
  }
  if (places.length > 0) return places;
  if (await isThere(join(directory, signs.server)))
    return [{ role: 'server', dataDir: directory, config: configs.server }];
  const identity = await loadIdentity(directory);
  return identity ? [{ role: identity.role, dataDir: directory, config: configs[identity.role] }] : [];
}

/** Secrets of a role, so that they are in its bundle in no form. */
export async function secretsOf({ role, dataDir }: LocalPlace): Promise<string[]> {
  const names = role === 'server' ? ['admin-token', 'metrics-token', 'vault-key'] : [];
  const texts = await Promise.all(names.map((name) => readSecretFile(join(dataDir, name), maxSecretBytes)));
  const own = role === 'agent' ? (await loadOwnKey(dataDir))?.password : undefined;
  return [...texts, own].flatMap((secret) => secret?.trim() ?? []);
}

/** What there is to tell about a role on this computer. */
export async function* localFiles({ role, dataDir, config }: LocalPlace): AsyncGenerator<BundleFile> {
  const json = (file: string, what: string, make: () => unknown): BundleFile => ({
    file: `${role}/${file}`,
    what,
    content: async () => ({ json: await make() }),
  });
  const [schema, allowed] = configurations[role];
  yield json(
    'configuration.json',
    `the settings of the ${role} that are no secrets${config === undefined ? ': none were given, so those by default' : ''}`,
    async () => shown(await checkedConfiguration(schema, config), allowed),
  );
  if (role !== 'server')
    yield json('identity.json', 'who this is to its server, without the key', async () => {
      const identity = await loadIdentity(dataDir);
      if (!identity) return null;
      const { id, installation, server, identityKeys } = identity;
      return { role, id, installation, server, trustedKeys: identityKeys.length };
    });
  yield json('certificates.json', 'subjects and dates of the certificates', () => certificatesOf(role, dataDir));
  yield json('files.json', 'names, sizes, modes and times of the files in the data directory', () => filesIn(dataDir));
  yield json('disk.json', 'room where the data directory is', async () => {
    const { bavail, blocks, bsize, ffree, files } = await statfs(dataDir);
    return { freeBytes: bavail * bsize, bytes: blocks * bsize, freeFiles: ffree, files };
  });
  yield json('channel-use.json', 'how much each channel was used', () => readChannelReport(dataDir));
  if (role === 'agent') {
    yield json('policies.json', 'policies: when they were looked at, and what waits to be told', () =>
      policiesIn(dataDir),
    );
    yield json('zero-knowledge.json', 'whether this computer keeps the key of its backups for itself', async () => ({
      ownKeySince: (await loadOwnKey(dataDir))?.createdAt ?? null,
    }));
  }
  yield json('tasks.json', 'tasks that the last lines of the log are about', () => taskSummaries(keptLines(dataDir)));
  yield {
    file: `${role}/log.jsonl`,
    what: `the last lines of the log of the ${role}`,
    content: () => ({ lines: told(keptLines(dataDir)), keep: 'last' }),
  };
}

async function* told(lines: AsyncIterable<string>): AsyncGenerator<unknown> {
  for await (const line of lines) yield shownLine(line);
}

async function certificatesOf(role: LocalRole, dataDir: string): Promise<unknown> {
  if (role !== 'server') {
    const identity = await loadIdentity(dataDir);
    return identity
      ? { own: certificateFacts(identity.certificatePem), authority: certificateFacts(identity.caPem) }
      : null;
  }
  const read = async (name: string) => certificateFacts((await readSecretFile(join(dataDir, name))) ?? '');
  return { own: await read('server-certificate.pem'), authority: await read('ca.pem') };
}

async function filesIn(folder: string): Promise<unknown> {
  const entries = await readdir(folder, { withFileTypes: true });
  return Promise.all(
    entries.map(async ({ name }) => {
      const { size, mode, mtime, uid } = await stat(join(folder, name));
      return { entry: name, bytes: size, mode: (mode & 0o7777).toString(8), uid, changedAt: mtime.toISOString() };
    }),
  );
}

/** Of the agent's file, which holds grants and keys of repositories, only what says how it stands. */
async function policiesIn(dataDir: string): Promise<unknown> {
  const text = await readSecretFile(join(dataDir, 'policies.json'), maxSecretBytes);
  if (text === undefined) return null;
  return shown(JSON.parse(text), {
    agentId: true,
    policies: { id: true, enabled: true, schedule: true, timeZone: true },
    looked: { each: { until: true, changedAt: true, lastDueAt: true } },
    due: { runId: true, policyId: true, dueAt: true, attempt: true, startedAt: true, notBefore: true },
    reports: { runId: true, policyId: true, startedAt: true, endedAt: true, state: true },
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw error;
  }
}
