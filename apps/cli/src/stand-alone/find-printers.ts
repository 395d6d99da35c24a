import type { ListedNode } from '@holdfast/engine';
import type { FoundObject } from '@holdfast/engine/find';
import { type BlobIndex, encodeNode, type FoundSnapshot, type ObjectId, shortId } from '@holdfast/repository';
import { print, shownTime } from '../output.ts';
import { goModeText, jsonPath, nodeLine, printable } from './restic-text.ts';

/** What `find` prints, in restic's forms. */
export interface FindPrinter {
  entry(entry: ListedNode, found: FoundSnapshot): Promise<void>;
  object(object: FoundObject, found: FoundSnapshot): Promise<void>;
  /** After the last snapshot. */
  end(): Promise<void>;
  /** The packs of the objects that were found. */
  packs(index: BlobIndex): Promise<void>;
}

export class TextFindings implements FindPrinter {
  readonly #options: {
    readonly long?: boolean;
    readonly humanReadable?: boolean;
    readonly quiet?: boolean | undefined;
  };
  #snapshot: ObjectId | undefined;
  readonly #objects = new Map<string, FoundObject>();

  constructor(options: {
    readonly long?: boolean;
    readonly humanReadable?: boolean;
    readonly quiet?: boolean | undefined;
  }) {
    this.#options = options;
  }

  async entry({ path, node }: ListedNode, { id, snapshot }: FoundSnapshot): Promise<void> {
    if (this.#snapshot !== id && !this.#options.quiet) {
      const gap = this.#snapshot === undefined ? '' : '\n';
      await print(`${gap}Found matching entries in snapshot ${shortId(id)} from ${shownTime(snapshot.time)}\n`);
    }
    this.#snapshot = id;
    await print(`${nodeLine(path, node, this.#options)}\n`);
  }

  async object(object: FoundObject, { id, snapshot }: FoundSnapshot): Promise<void> {
    const { type, path, treeId } = object;
    this.#objects.set(`${type} ${object.id}`, object);
    const where =
      type === 'data' ? ` ... in file ${printable(path)}\n     (tree ${treeId})\n` : ` ... path ${printable(path)}\n`;
    await print(
      `Found ${kindOf(object)} ${object.id}\n${where} ... in snapshot ${shortId(id)} (${shownTime(snapshot.time)})\n`,
    );
  }

  async end(): Promise<void> {}

  async packs(index: BlobIndex): Promise<void> {
    for (const { type, id } of this.#objects.values()) {
      const place = index.lookup(id, type);
      if (place === undefined) {
        await print(`Object ${type} with type ${shortId(id)} not found in the index\n`);
        continue;
      }
      const { packId, offset, length, uncompressedLength } = place;
      await print(
        `Object belongs to pack ${packId}\n ... Pack ${shortId(packId)}: <Blob (${type}) ${shortId(id)}, offset ${offset}, length ${length}, uncompressed length ${uncompressedLength}>\n`,
      );
    }
  }
}

/** One list; of entries a list for each snapshot in it. */
export class JsonFindings implements FindPrinter {
  #snapshot: ObjectId | undefined;
  #hits = 0;
  #begun = false;

  async entry({ path, node }: ListedNode, { id }: FoundSnapshot): Promise<void> {
    await this.#begin();
    if (this.#snapshot !== id) {
      if (this.#snapshot !== undefined) await print(`],"hits":${this.#hits},"snapshot":"${this.#snapshot}"},`);
      await print('{"matches":[');
      this.#snapshot = id;
      this.#hits = 0;
    }
    // encodeNode writes numbers of any size; what restic hides is taken away before.
    const fields = encodeNode({
      ...node,
      extendedAttributes: undefined,
      genericAttributes: undefined,
      device: undefined,
      content: null,
      subtree: undefined,
    })
      .replace(/^\{"name":"(?:[^"\\]|\\.)*",/, '')
      .replace(/,"content":null/, '');
    const head = JSON.stringify({ ...jsonPath(path), permissions: goModeText(node.mode) }).slice(0, -1);
    await this.#item(`${head},${fields}`);
  }

  async object(object: FoundObject, { id, snapshot }: FoundSnapshot): Promise<void> {
    await this.#begin();
    await this.#item(
      JSON.stringify({
        object_type: kindOf(object),
        id: object.id,
        ...jsonPath(object.path),
        parent_tree: object.treeId,
        snapshot: id,
        time: snapshot.time,
      }),
    );
  }

  async end(): Promise<void> {
    if (this.#snapshot !== undefined) await print(`],"hits":${this.#hits},"snapshot":"${this.#snapshot}"}`);
    await print(this.#begun ? ']\n' : '[]\n');
  }

  /** The list is over: what comes after it would be no JSON. */
  async packs(): Promise<void> {}

  async #begin(): Promise<void> {
    if (!this.#begun) await print('[');
    this.#begun = true;
  }

  async #item(json: string): Promise<void> {
    await print(this.#hits > 0 ? `,${json}` : json);
    this.#hits += 1;
  }
}

function kindOf({ type }: FoundObject): 'blob' | 'tree' {
  return type === 'data' ? 'blob' : 'tree';
}
