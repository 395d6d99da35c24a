import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadTopology } from '@holdfast/contract/topology';
import type { TopologyDocument } from '@holdfast/contract/topology/schema';
import { type ErrorReport, HoldfastError, systemClock } from '@holdfast/core';
import type { FleetWorkView } from '@holdfast/protocol';
import { parse } from 'yaml';
import type { ServerWork } from '../managed/perform-with-server.ts';

/** How often a server is asked how far it is. */
const pollMs = 500;

/** Looks at a check or an audit until it has ended; Ctrl-C ends it at the server as well. */
export async function followFleetWork(
  started: FleetWorkView,
  o: {
    readonly work: ServerWork;
    /** `pairs of computers`. */
    readonly what: string;
    readonly look: (id: string) => Promise<FleetWorkView>;
    readonly cancel: (id: string) => Promise<unknown>;
  },
): Promise<FleetWorkView> {
  const { signal, view } = o.work;
  let now = started;
  try {
    while (now.state === 'running') {
      const wrong = now.failures > 0 ? `, ${now.failures} with a failure` : '';
      view.status(`${now.done} of ${now.total} ${o.what} done${wrong}`);
      await systemClock.sleep(pollMs, signal);
      now = await o.look(now.id);
    }
  } catch (error) {
    if (signal.aborted) await o.cancel(now.id);
    throw error;
  }
  view.done();
  if (now.error) throw HoldfastError.fromReport(now.error as ErrorReport);
  return now;
}

/** All pages of something. */
export async function allPages<Result>(
  page: (after: number) => Promise<{ readonly results: readonly Result[]; readonly next?: number | undefined }>,
): Promise<readonly Result[]> {
  const all: Result[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { results, next } = await page(after);
    all.push(...results);
    after = next;
  }
  return all;
}

/** A topology with what it includes as one document, for a server that has no other files. @throws `topology.invalid` */
export async function readTopologyDocument(file: string): Promise<TopologyDocument> {
  // Every mistake is told here, with its file and line; what passes can be put together without looking.
  await loadTopology(file);
  return await together(file);
}

async function together(file: string): Promise<TopologyDocument> {
  const { include = [], ...document } = parse(await readFile(file, 'utf8')) as TopologyDocument;
  const whole = { ...document };
  for (const path of include) {
    const { zones, hosts, neighbours, allow } = await together(join(dirname(file), path));
    if (zones) whole.zones = { ...whole.zones, ...zones };
    if (hosts) whole.hosts = { ...whole.hosts, ...hosts };
    if (neighbours) whole.neighbours = { ...whole.neighbours, ...neighbours };
    if (allow) whole.allow = [...(whole.allow ?? []), ...allow];
  }
  return whole;
}
