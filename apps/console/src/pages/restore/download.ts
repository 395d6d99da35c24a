import { call, contentsAddress } from '../../api/call.ts';
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
  const link = document.createElement('a');
  const query = o.path === '/' ? {} : { root: parentOf(o.path), path: `/${nameOf(o.path)}` };
  link.href = contentsAddress({ params: { id: o.repositoryId, snapshotId: o.snapshotId }, query });
  link.download = '';
  link.click();
}
