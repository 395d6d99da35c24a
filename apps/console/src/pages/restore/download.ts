import { call, contentsAddress } from '../../api/call.ts';
import { saveFrom } from '../../api/save-file.ts';
import { confirmFreshly } from '../../api/step-up.ts';
import { nameOf, parentOf } from './snapshot-paths.ts';

export interface Downloadable {
  readonly repositoryId: string;
  readonly snapshotId: string;
  readonly path: string;
}

/**
 * Has the browser save a file of a snapshot, or a folder as a ZIP. A fresh second factor, which this needs, is asked for before: the
 * browser's own request could not ask.
 */
export async function download(o: Downloadable): Promise<void> {
  const { stepUp } = await call('account', {});
  if (stepUp === 'needed') await confirmFreshly();
  const query = o.path === '/' ? {} : { root: parentOf(o.path), path: `/${nameOf(o.path)}` };
  saveFrom(contentsAddress({ params: { id: o.repositoryId, snapshotId: o.snapshotId }, query }));
}
