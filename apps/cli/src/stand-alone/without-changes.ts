import { Repository } from '@holdfast/repository';
import { DryRunTarget } from '@holdfast/storage';

/** The repository as it is, in which nothing is changed, not even by a lock. */
export function withoutChanges({ target, config, masterKey: key, keyId, clock, compression }: Repository): Repository {
  const copy = new Repository({ target: new DryRunTarget(target), config, key, keyId, clock });
  copy.compression = compression;
  return copy;
}
