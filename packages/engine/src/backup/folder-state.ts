import type { ObjectId } from '@holdfast/repository';

/** A place in a folder's tree for the JSON of one or more nodes; empty for what was left out. */
export interface Slot {
  json: string;
  /** Filled later, in the same order: wide folders are looked at in several jobs. */
  more?: Slot[];
}

/** A folder whose tree is being put together. */
export interface FolderState {
  /** One character for each byte. */
  readonly path: string;
  /** Where the folder's own node goes, and its JSON up to the tree's id; none for the root. */
  readonly parent: { readonly folder: FolderState; readonly slot: Slot; readonly json: string } | undefined;
  readonly parentTree: ObjectId | undefined;
  /** The tree, where the thread that looked at the folder has stored it. */
  tree?: ObjectId | undefined;
  readonly slots: Slot[];
  /** Jobs, folders and large files that it still waits for. */
  open: number;
  /** It could not be read: it is left out of the folder above. */
  failed: boolean;
  /** It was looked at, and nothing in it differs from the parent snapshot so far: its tree is `parentTree`. */
  same: boolean;
  /** It only leads to what was named: it is left out when nothing of that is there. */
  readonly isWay: boolean;
}

/** What stands for the folder in the one above: nothing if it could not be read, or leads nowhere. */
export function isLeftOut({ failed, isWay, slots }: FolderState): boolean {
  const isEmpty = ({ json, more = [] }: Slot): boolean => json === '' && more.every(isEmpty);
  return failed || (isWay && slots.every(isEmpty));
}

const pieceChars = 1024 * 1024;

/** The bytes of the folder's tree. Pieces are bounded, because the text of a very wide folder exceeds V8's strings. */
export function folderTree(folder: FolderState): Buffer {
  const pieces: Buffer[] = [];
  let text = '{"nodes":[';
  let first = true;
  const add = (slots: readonly Slot[]): void => {
    for (const slot of slots) {
      if (slot.json !== '') {
        text += first ? slot.json : `,${slot.json}`;
        first = false;
        if (text.length > pieceChars) {
          pieces.push(Buffer.from(text));
          text = '';
        }
      }
      if (slot.more !== undefined) add(slot.more);
    }
  };
  add(folder.slots);
  pieces.push(Buffer.from(`${text}]}\n`));
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}
