import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RestClient } from '@holdfast/protocol';
import { createWire, httpClient } from '@holdfast/wire';
import { processesBelow } from '../measure/process-tree.ts';
import { type RunningHoldfast, startHoldfast } from '../programs/running-holdfast.ts';
import { type Timing, Timings } from './timing.ts';

/** As many as a page of the console asks for. */
const pageSize = 1000;
/** Until the mover has heard that a process of its own has ended. */
const endHeardMs = 300;

/**
 * How long a person waits who looks into a backup of a folder with so many files: over the REST API, from a server, mover and agent
 * that are processes of their own. Before each round nothing has the repository open.
 */
export async function measureBrowsing(o: {
  readonly folder: string;
  readonly entries: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}): Promise<readonly Timing[]> {
  const { rounds, signal, say } = o;
  const source = join(o.folder, 'source');
  makeFolder(join(source, 'scans'), o.entries);
  const running = await startHoldfast(join(o.folder, 'up'), signal);
  try {
    await using connection = connect(running);
    const { client } = connection;
    say(`backing up a folder of ${o.entries} files, twice`);
    const { repositoryId, snapshotIds } = await backUp(client, source);
    const [first = '', second = ''] = snapshotIds;
    const page = (snapshotId: string, path: string, skip = 0) =>
      client.call('snapshotEntries', {
        params: { id: repositoryId, snapshotId },
        query: { path, skip, limit: pageSize },
        signal,
      });
    const scans = join(source, 'scans');
    const timings = new Timings();
    const processes = () => processesBelow(running.pid);
    const time = <Result>(what: string, work: () => Promise<Result>) => timings.time(what, work, processes);
    for (let round = 0; round < rounds; round += 1) {
      say(`browsing, round ${round + 1} of ${rounds}`);
      await endExecutors(running.pid);
      await time('first view of a snapshot', () => page(first, '/'));
      const { entries } = await time('folder opened', () => page(first, scans));
      if (entries.length !== Math.min(pageSize, o.entries)) throw new Error(`a page of ${entries.length} entries`);
      await time('folder opened again', () => page(first, scans));
      await time('page in its middle', () => page(first, scans, Math.floor(o.entries / 2)));
      await time('another snapshot', () => page(second, '/'));
      await time('the folder in it, changed', () => page(second, scans));
      await endExecutors(running.pid);
      await time('folder opened as the first view', () => page(first, scans));
    }
    return timings.all;
  } finally {
    await running.stop();
  }
}

/** Files with a content of their own each, so that each has a blob, too. */
function makeFolder(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  for (let number = 0; number < count; number += 1)
    writeFileSync(join(folder, `scan-${String(number).padStart(7, '0')}.txt`), `${number}\n`);
}

function connect({ data }: RunningHoldfast): AsyncDisposable & { readonly client: RestClient } {
  const { host, port, caFile, tokenFile } = JSON.parse(readFileSync(join(data, 'connection.json'), 'utf8')) as {
    [Name in 'host' | 'caFile' | 'tokenFile']: string;
  } & { port: number };
  const stack = new AsyncDisposableStack();
  const wire = stack.use(createWire({ role: 'client', bind: host }));
  const caPem = readFileSync(caFile, 'utf8');
  const http = stack.use(
    httpClient({ connect: (signal) => wire.dial('client-to-server', host, { port, caPem, signal }) }),
  );
  const client = new RestClient({ http, token: readFileSync(tokenFile, 'utf8').trim() });
  return { client, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A job for the folder, run twice; one file is changed in between. */
async function backUp(
  client: RestClient,
  source: string,
): Promise<{ readonly repositoryId: string; readonly snapshotIds: readonly string[] }> {
  const [mover] = await client.list('computers', { query: { role: 'mover' } });
  const [agent] = await client.list('computers', { query: { role: 'agent' } });
  const repository = await client.call('createRepository', { body: { name: 'browsed', moverId: mover?.id ?? '' } });
  const job = await client.call('createJob', {
    body: {
      name: 'browsed',
      computers: [agent?.id ?? ''],
      scope: { kind: 'folders', paths: [source] },
      target: { kind: 'shared', repositoryId: repository.id },
    },
  });
  for (const text of ['first', 'second']) {
    writeFileSync(join(source, 'scans', 'notes.txt'), `${text}\n`);
    const { id } = await client.call('runJob', { params: { id: job.id }, body: {} });
    let state = '';
    for await (const session of client.events('sessionEvents', { params: { id } })) state = session.state;
    if (state !== 'succeeded') throw new Error(`the backup ended as ${state}`);
  }
  const snapshots = await client.list('snapshots', {});
  return { repositoryId: repository.id, snapshotIds: snapshots.map(({ id }) => id) };
}

/** Ends the processes that keep a repository open, as if nobody had asked for a minute. */
async function endExecutors(root: number): Promise<void> {
  const executors = processesBelow(root).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('execute'),
  );
  for (const pid of executors) process.kill(pid);
  if (executors.length > 0) await delay(endHeardMs);
}
