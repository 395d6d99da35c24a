import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { HoldfastError, systemClock } from '@holdfast/core';
import { loadIdentity, readSecretFile, writeFileDurably } from '@holdfast/protocol';
import { type BundleFile, Pseudonyms, productFacts, writeBundle } from '@holdfast/support';
import { type LocalPlace, leftOutOfLocal, localFiles, placesIn, secretsOf } from './local-files.ts';

/** Makes a bundle of what is on this computer, whether anything runs or not. Throws `usage.configuration` when there is nothing. */
export async function makeLocalBundle(o: {
  readonly directory: string;
  readonly configs: Partial<Record<LocalPlace['role'], string>>;
  readonly anonymise: boolean;
  readonly sink: (bytes: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<readonly LocalPlace['role'][]> {
  const places = await placesIn(o.directory, o.configs);
  const [first] = places;
  if (!first)
    throw new HoldfastError('usage.configuration', {
      message: `${o.directory} is no data directory of a server, a mover or an agent.`,
      guidance: 'Name it with --data, and run the command as whom the role runs: nobody else may look into it.',
    });
  const secrets: string[] = [];
  for (const place of places) secrets.push(...(await secretsOf(place)));
  await writeBundle({
    of: places.map(({ role }) => role),
    files: filesOf(places),
    leftOut: leftOutOfLocal,
    secrets,
    pseudonyms: o.anonymise ? await pseudonymsOf(places, first) : undefined,
    clock: systemClock,
    sink: o.sink,
    signal: o.signal,
  });
  return places.map(({ role }) => role);
}

async function* filesOf(places: readonly LocalPlace[]): AsyncGenerator<BundleFile> {
  yield {
    file: 'product.json',
    what: 'version, computer and time',
    content: () => ({ json: productFacts(systemClock) }),
  };
  for (const place of places) yield* localFiles(place);
}

/** The key stays on this computer, so that later bundles have the same pseudonyms. */
async function pseudonymsOf(places: readonly LocalPlace[], { dataDir }: LocalPlace): Promise<Pseudonyms> {
  const path = join(dataDir, 'support-pseudonyms');
  let key = await readSecretFile(path);
  if (key === undefined) {
    key = randomBytes(32).toString('base64');
    await writeFileDurably(path, key);
  }
  const pseudonyms = new Pseudonyms(Buffer.from(key, 'base64'));
  pseudonyms.know('computer', [hostname()]);
  pseudonyms.know(
    'person',
    [userInfo().username].filter((name) => name !== 'root'),
  );
  for (const place of places) {
    const host = (place.role === 'server' ? undefined : await loadIdentity(place.dataDir))?.server.host;
    if (host !== undefined && /[a-z]/i.test(host) && !host.includes(':')) pseudonyms.know('computer', [host]);
  }
  return pseudonyms;
}
