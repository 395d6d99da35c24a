import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadTopology } from '@holdfast/contract/topology';
import type { TopologyDocument } from '@holdfast/contract/topology/schema';
import { parse } from 'yaml';

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
