import type { ObjectName, ObjectType, Target, WaitOptions } from '@holdfast/storage';

/**
 * Everything in this package that leaves a repository's storage leaves it here, so that there is one place for whatever keeps it
 * for a while longer. The check "deletions" holds the rest of the code to that; on a mover the place is its guarded repository.
 * @throws storage.immutable before the object's date
 */
export function deleteObject(
  target: Target,
  name: ObjectName & { readonly type: Exclude<ObjectType, 'config'> },
  options: WaitOptions = {},
): Promise<void> {
  return target.delete(name, options);
}
