import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { encodeNode, encodeTree, type Node, type ObjectId, objectIdOf } from '@holdfast/repository';
import { contentOf, ParentFolder } from './parent-folder.ts';

const id = (): ObjectId => objectIdOf(randomBytes(32));

function file(name: string, content: readonly ObjectId[], more: Partial<Node> = {}): Node {
  const time = '2024-02-29T12:00:00Z';
  const base = { type: 'file', mode: 0o644, mtime: time, atime: time, ctime: time, uid: 0, gid: 0 } as const;
  return { name: Buffer.from(name), ...base, inode: 7n, size: 5n, links: 1n, content, ...more };
}

/** What is asked for: the name as JSON has it, and the text up to the content. */
function asked(node: Node): [name: string, begin: string] {
  const json = encodeNode(node);
  return [
    json.slice('{"name":"'.length, json.indexOf('","type":"')),
    json.slice(0, json.lastIndexOf('"content":') + '"content":'.length),
  ];
}

const contents = [[id()], [], [id(), id(), id()], [id()]];
const names = ['a', 'quote " and \\', 'z{"name":"', 'ü\u2028'];
const attribute = { name: 'user.{"name":"', value: Buffer.from('value') };
const nodes = names.map((name, at) =>
  file(name, contents[at] ?? [], at === 1 ? { extendedAttributes: [attribute, attribute] } : {}),
);

describe('folder of the parent snapshot', () => {
  it('gives the content of nodes that are the same, and knows when that was all', () => {
    const parent = new ParentFolder(encodeTree(nodes));
    for (const [at, node] of nodes.entries()) {
      assert.equal(parent.allFound, false);
      assert.deepEqual(contentOf(parent.restOf(...asked(node)) ?? ''), contents[at]);
    }
    assert.equal(parent.allFound, true);
    assert.equal(new ParentFolder(encodeTree([])).allFound, true);
  });

  it('finds nodes in any order, but then does not say that all were found', () => {
    const parent = new ParentFolder(encodeTree(nodes));
    for (const node of nodes.toReversed())
      assert.deepEqual(contentOf(parent.restOf(...asked(node)) ?? ''), node.content);
    assert.equal(parent.allFound, false);
    const some = new ParentFolder(encodeTree(nodes));
    for (const node of nodes.slice(1)) assert.notEqual(some.restOf(...asked(node)), undefined);
    assert.equal(some.allFound, false);
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
      const parent = new ParentFolder(encodeTree(nodes));
      assert.equal(parent.restOf(...asked({ ...first, ...change })), undefined);
      assert.equal(parent.allFound, false);
    }
    const parent = new ParentFolder(encodeTree(nodes));
    for (const node of nodes) assert.equal(encodeNode(parent.node(asked(node)[0]) ?? first), encodeNode(node));
    assert.equal(parent.node('nothing'), undefined);
    assert.equal(parent.allFound, false);
  });

  it('gives a part of itself as a tree', () => {
    const parent = new ParentFolder(encodeTree(nodes));
    const wanted = nodes.slice(1, 3);
    const part = parent.part(['missing', ...wanted.map((node) => asked(node)[0])]);
    assert.deepEqual(part, encodeTree(wanted));
    assert.deepEqual(parent.part([]), encodeTree([]));
  });

  it('reads trees that another program wrote with other spaces', () => {
    const json: unknown = JSON.parse(encodeTree(nodes).toString());
    const parent = new ParentFolder(Buffer.from(JSON.stringify(json, undefined, 1)));
    for (const node of nodes) assert.deepEqual(contentOf(parent.restOf(...asked(node)) ?? ''), node.content);
    assert.equal(parent.allFound, true);
    for (const bad of ['', '{"nodes":3}', '{"nodes":[{"name":"a"}'])
      assert.throws(() => new ParentFolder(Buffer.from(bad)), { code: 'repository.damaged' });
  });

  it('takes nothing for content that is something else', () => {
    const text = id();
    assert.deepEqual(contentOf(`["${text}"]}`), [text]);
    for (const bad of ['', '[]', `["${text}"],"error":"x"]}`, `["${text.slice(1)}"]}`, `["${text}"}`, 'null}', '["]}'])
      assert.equal(contentOf(bad), undefined);
  });
});
