import { type ExitStatus, exitStatus, formatBytes, formatCount, HoldfastError } from '@holdfast/core';
import { splitTags } from '../option-values.ts';
import { counted, printJson, printText, shownTime } from '../output.ts';
import type { SnapshotFilter } from '../stand-alone/snapshot-filter.ts';
import { table } from '../terminal.ts';
import type { Work } from '../work.ts';
import type { ServerOptions } from './server-options.ts';

/** The API gives this many at most. */
const maxSnapshots = 1000;

/** The snapshots that runs of the server have reported complete. */
export async function showCatalogue(
  options: ServerOptions & SnapshotFilter & { readonly latest?: number },
  work: Work,
): Promise<ExitStatus> {
  const { signal, resources } = work;
  if (options.path !== undefined)
    throw new HoldfastError('usage.option', { message: '--path is for repositories; give --repo.' });
  const { connectServer } = await import('./server-connection.ts');
  const client = await connectServer(options, resources);
  const limit =
    options.host === undefined && options.tag === undefined
      ? Math.min(options.latest ?? maxSnapshots, maxSnapshots)
      : maxSnapshots;
  const [{ snapshots }, repositories] = await Promise.all([
    client.call('snapshots', { query: { limit }, signal }),
    client.list('repositories', { signal }),
  ]);
  const nameOf = new Map(repositories.map(({ id, name }) => [id, name]));
  const shown = snapshots
    .filter(
      ({ hostname, tags }) =>
        (options.host === undefined || options.host.includes(hostname)) &&
        (options.tag === undefined || options.tag.some((list) => splitTags([list]).every((tag) => tags.includes(tag)))),
    )
    .slice(0, options.latest)
    .reverse();
  if (options.json) {
    await printJson({ kind: 'catalogue', snapshots: shown });
    return exitStatus.success;
  }
  if (shown.length === 0) {
    await printText('No snapshots.\n');
    return exitStatus.success;
  }
  const rows = shown.map((snapshot) => [
    snapshot.id.slice(0, 8),
    shownTime(snapshot.takenAt),
    snapshot.hostname,
    nameOf.get(snapshot.repositoryId) ?? snapshot.repositoryId,
    snapshot.tags.join(','),
    formatCount(snapshot.totalFiles),
    formatBytes(snapshot.totalBytes),
    snapshot.sources.join(' '),
  ]);
  const heading = ['Id', 'Time', 'Host', 'Repository', 'Tags', 'Files', 'Size', 'Paths'];
  const more = snapshots.length === maxSnapshots ? ' (the newest; there may be more)' : '';
  await printText(`${table([heading, ...rows], { right: [5, 6] })}${counted(shown.length, 'snapshot')}${more}\n`);
  return exitStatus.success;
}
