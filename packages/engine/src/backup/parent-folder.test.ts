import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeNode, encodeTree, type Node, type ObjectId, objectIdOf } from '@holdfast/repository';
import { NodeText } from './node-text.ts';
import { ParentFolder } from './parent-folder.ts';

const id = (): ObjectId => objectIdOf(randomBytes(32));

function file(name: string, content: readonly ObjectId[], more: Partial<Node> = {}): Node {
  const time = '2024-02-29T12:00:00Z';
  const base = { type: 'file', mode: 0o644, mtime: time, atime: time, ctime: time, uid: 0, gid: 0 } as const;
  return { name: Buffer.from(name), ...base, inode: 7n, size: 5n, links: 1n, content, ...more };
}

function textOf(node: Node): NodeText {
  const text = new NodeText();
  text.setNode({ ...node, content: node.content && [], subtree: undefined });
  return text;
}

/** Asks for a node, and keeps it if it is there as it is. */
function keep(parent: ParentFolder, node: Node, has: (id: Uint8Array) => boolean = () => true): boolean {
  const text = textOf(node);
  const behind = parent.behind(text);
  if (behind < 0) return false;
  if (node.type === 'dir') return parent.keepFolder(text, behind) === node.subtree;
  const end = node.type === 'file' ? parent.contentEnd(behind, has) : parent.nodeEnd(behind);
  if (end < 0) return false;
  const start = parent.keep(text, behind, end);
  assert.equal(parent.text({ start, end }), encodeNode(node));
  return true;
}

const nameIn = (node: Node): string => textOf(node).name;

const contents = [[id()], [], [id(), id(), id()], [id()]];
const names = ['a', 'quote " and \\', 'z{"name":"', 'ü\u2028'];
const attribute = { name: 'user.{"name":"', value: Buffer.from('value') };
const nodes = names.map((name, at) =>
  file(name, contents[at] ?? [], at === 1 ? { extendedAttributes: [attribute, attribute] } : {}),
);

const folder = file('ýz', [], { type: 'dir', size: undefined, links: undefined, content: null, subtree: id() });
const link = file('ýzz', [], { type: 'symlink', linkTarget: Buffer.from('ü'), content: null });
const all = [...nodes, folder, link];

describe('folder of the parent snapshot', () => {
  it('keeps nodes that are the same, and knows when those were all', () => {
    const parent = new ParentFolder(encodeTree(all));
    for (const node of all) {
      assert.equal(parent.allKept, false);
      assert.equal(keep(parent, node), true);
    }
    assert.equal(parent.allKept, true);
    assert.equal(new ParentFolder(encodeTree([])).allKept, true);
  });

  it('finds nodes in any order, but then does not say that all were kept', () => {
    const parent = new ParentFolder(encodeTree(all));
    for (const node of all.toReversed()) assert.equal(keep(parent, node), true);
    assert.equal(parent.allKept, false);
    for (const left of all) {
      const some = new ParentFolder(encodeTree(all));
      for (const node of all) if (node !== left) assert.equal(keep(some, node), true);
      assert.equal(some.allKept, false);
    }
  });

  it('takes nothing that differs in any field for the same, and gives the old node', () => {
    const [first = file('', [])] = nodes;
    const changes: Partial<Node>[] = [
      { mtime: '2024-02-29T12:00:00.1Z' },
      { ctime: '2025-02-28T12:00:00Z' },
      { size: 50n },
      { inode: 77n },
      { mode: 0o600 },
      { links: 11n },
      { extendedAttributes: [attribute] },
      { type: 'fifo', content: null },
      { name: Buffer.from('aa') },
    ];
    for (const change of changes) {
      const parent = new ParentFolder(encodeTree(all));
      assert.equal(keep(parent, { ...first, ...change }), false);
      assert.equal(parent.allKept, false);
    }
    const parent = new ParentFolder(encodeTree(all));
    for (const node of all) assert.equal(encodeNode(parent.node(nameIn(node)) ?? first), encodeNode(node));
    assert.equal(parent.node('nothing'), undefined);
    assert.equal(parent.allKept, false);
  });

  it('keeps a file only if the repository has all of its content', () => {
    const asked: string[] = [];
    const has = (blob: Uint8Array): boolean => asked.push(objectIdOf(blob)) < 3;
    const [, , file] = nodes;
    assert.equal(file && keep(new ParentFolder(encodeTree(all)), file, has), false);
    assert.deepEqual(asked, contents[2]);
  });

  it('gives a part of itself as a tree', () => {
    const parent = new ParentFolder(encodeTree(all));
    const wanted = all.slice(1, 3);
    const part = parent.part(['missing', ...wanted.map(nameIn)]);
    assert.deepEqual(part, encodeTree(wanted));
    assert.deepEqual(parent.part([]), encodeTree([]));
  });

  it('reads trees that another program wrote with other spaces', () => {
    const json: unknown = JSON.parse(encodeTree(all).toString());
    const parent = new ParentFolder(Buffer.from(JSON.stringify(json, undefined, 1)));
    for (const node of all) assert.equal(keep(parent, node), true);
    assert.equal(parent.allKept, true);
    for (const bad of ['', '{"nodes":3}', '{"nodes":[{"name":"a"}'])
      assert.throws(() => new ParentFolder(Buffer.from(bad)), { code: 'repository.damaged' });
  });

  it('ends looking for names in text that only looks like a tree', () => {
    const text = encodeTree(all).toString('latin1');
    const first = '{"nodes":[{"name":"'.length;
    for (let at = text.indexOf('"', first); at >= 0; at = text.indexOf('"', at + 1)) {
      for (const broken of [`${text.slice(0, at)}x${text.slice(at + 1)}`, `${text.slice(0, at)}]}\n`]) {
        const parent = new ParentFolder(Buffer.from(broken, 'latin1'));
        parent.part(all.map(nameIn));
        assert.equal(parent.behind(textOf(file('missing', []))), -1);
      }
    }
  });

  it('takes nothing for content or for a tree that is something else', () => {
    const start = '{"nodes":[{"name":"';
    const blob = id();
    const contentEnd = (rest: string): number =>
      new ParentFolder(Buffer.from(`${start}${rest}]}\n`)).contentEnd(start.length, () => true);
    for (const good of [`["${blob}"]}`, '[]}', `["${blob}","${blob}"]}`])
      assert.equal(contentEnd(good), start.length + good.length);
    for (const bad of [
      ...['', '[]', `["${blob}"],"error":"x"]}`, `["${blob.slice(1)}"]}`, `["${blob}"}`, 'null}', '["]}'],
      ...[`["${blob}",]}`, `["${blob}" ,"${blob}"]}`, `["${blob.replace(/^./, 'G')}"]}`, `["${blob.toUpperCase()}A"]}`],
    ])
      assert.equal(contentEnd(bad), -1, bad);
    const text = textOf(folder);
    for (const end of ['null}', `${blob}","error":"x"}`, `${blob.slice(1)}"}`, `${blob.replace(/.$/, 'x')}"}`]) {
      const parent = new ParentFolder(Buffer.from(`{"nodes":[${text.toString()}${end}]}\n`));
      assert.equal(parent.keepFolder(text, parent.behind(text)), undefined, end);
      assert.equal(parent.allKept, false);
    }
  });
});
