import { blobId, encodeTree, goFileMode, type Node, type ObjectId, objectIdOf } from '@holdfast/repository';
import type { SeededRandom } from '@holdfast/storage/testing';

/** One blob that a backup has to store. */
export interface SourceBlob {
  readonly type: 'data' | 'tree';
  readonly id: ObjectId;
  readonly plain: Buffer;
}

/** What one computer has to back up: small files whose contents others have too, so that runs share blobs. */
export interface Source {
  readonly root: ObjectId;
  /** Files before the trees that name them, the root last. */
  readonly blobs: readonly SourceBlob[];
  /** Path to the ids of its content. */
  readonly files: ReadonlyMap<string, string>;
}

const contents = 48;
const mostFiles = 14;
const folders = ['', 'inner', 'other'] as const;
const time = '2026-03-04T05:06:07Z';

/** Half of the contents compress, half don't. */
function content(number: number): Buffer {
  const known = made.get(number) ?? makeContent(number);
  made.set(number, known);
  return known;
}

const made = new Map<number, Buffer>();

function makeContent(number: number): Buffer {
  const text = `content ${number} `;
  if (number % 2 === 0) return Buffer.from(text.repeat(4 + number));
  let state = number * 2654435761 + 1;
  return Buffer.from(
    Array.from({ length: 200 + 13 * number }, () => (state = (state * 1103515245 + 12345) >>> 0) >>> 24),
  );
}

function node(name: string, fields: Pick<Node, 'type' | 'mode' | 'content'> & Partial<Node>): Node {
  return { name: Buffer.from(name), mtime: time, atime: time, ctime: time, uid: 0, gid: 0, ...fields };
}

/** Another source for each draw, of contents that repeat. */
export function drawSource(random: SeededRandom): Source {
  const wanted = new Map<string, number>();
  for (let count = 1 + random.below(mostFiles); count > 0; count -= 1) {
    const folder = random.pick(folders);
    wanted.set(`${folder}/file-${random.below(20)}`, random.below(contents));
  }
  return makeSource(wanted);
}

function makeSource(wanted: ReadonlyMap<string, number>): Source {
  const blobs = new Map<ObjectId, SourceBlob>();
  const files = new Map<string, string>();
  const add = (type: SourceBlob['type'], plain: Buffer): ObjectId => {
    const id = objectIdOf(blobId(plain));
    blobs.set(id, { type, id, plain });
    return id;
  };
  const nodesOf = (folder: string): Node[] => {
    const nodes: Node[] = [];
    for (const [path, number] of wanted) {
      if (!path.startsWith(`${folder}/`)) continue;
      const name = path.slice(folder.length + 1);
      const plain = content(number);
      const id = add('data', plain);
      files.set(folder === '' ? `/${name}` : `/${folder}/${name}`, id);
      nodes.push(node(name, { type: 'file', mode: goFileMode(0o100644), size: BigInt(plain.length), content: [id] }));
    }
    return nodes;
  };
  const inOrder = (nodes: Node[]): Node[] => nodes.sort((a, b) => Buffer.compare(a.name, b.name));
  const top = nodesOf('');
  for (const folder of folders) {
    const nodes = folder === '' ? [] : nodesOf(folder);
    if (nodes.length === 0) continue;
    const subtree = add('tree', encodeTree(inOrder(nodes)));
    top.push(node(folder, { type: 'dir', mode: goFileMode(0o40755), content: null, subtree }));
  }
  const root = add('tree', encodeTree(inOrder(top)));
  return { root, blobs: [...blobs.values()], files };
}
