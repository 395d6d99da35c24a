import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { initRepository, PackBuilder, type Repository } from '@holdfast/repository';
import type { Target } from '@holdfast/storage';

export const testPassword = 'engine test';

/** A repository on disk in a folder of its own, which also has room for a source and targets. */
export async function testRepository(
  t: Pick<TestContext, 'after'>,
  open: (options: { path: string; create: boolean }) => Promise<Target>,
): Promise<{ folder: string; repositoryFolder: string; target: Target; repository: Repository }> {
  const folder = temporaryFolder(t);
  const repositoryFolder = join(folder, 'repository');
  const target = await open({ path: repositoryFolder, create: true });
  // The real cost of a key takes most of a second and has nothing to do with the engine.
  const cost = { N: 1024, r: 8, p: 1 };
  const repository = await initRepository(target, { password: testPassword, keyOptions: { cost } });
  return { folder, repositoryFolder, target, repository };
}

/** Stores blobs as a pack, and a snapshot of the last tree: for snapshots that no backup would make. */
export async function storeByHand(
  repository: Repository,
  blobs: readonly { readonly type: 'data' | 'tree'; readonly id: Uint8Array; readonly plain: Uint8Array }[],
): Promise<void> {
  for (const type of ['data', 'tree'] as const) {
    const builder = new PackBuilder({ cipher: repository.cipher, type });
    for (const blob of blobs) if (blob.type === type) builder.add(blob.id, blob.plain);
    const pack = builder.finish();
    if (pack === undefined) continue;
    await repository.savePack(pack);
    await repository.saveIndex([pack]);
  }
}
