import { encodeNode, type Node, parseTime } from '@holdfast/repository';

export function sameContent(one: Node, other: Node): boolean {
  const [a, b] = [one.content, other.content];
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, at) => id === b[at]);
}

/** True when nothing about two entries differs; times are the same when the moment is, whatever the zone. */
export function sameNode(one: Node, other: Node): boolean {
  return encodeNode(comparable(one)) === encodeNode(comparable(other));
}

function comparable(node: Node): Node {
  return {
    ...node,
    mtime: String(parseTime(node.mtime)),
    atime: String(parseTime(node.atime)),
    ctime: String(parseTime(node.ctime)),
    extendedAttributes: node.extendedAttributes?.toSorted((a, b) =>
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    ),
  };
}
