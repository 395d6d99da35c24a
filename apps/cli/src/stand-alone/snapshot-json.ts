import { encodeSnapshot, type FoundSnapshot, shortId } from '@holdfast/repository';

/** A snapshot as restic prints it: its file's fields and its id. */
export function snapshotJson({ id, snapshot }: FoundSnapshot): Record<string, unknown> {
  const fields = JSON.parse(encodeSnapshot(snapshot).toString()) as Record<string, unknown>;
  return { ...fields, id, short_id: shortId(id) };
}
