import { z } from 'zod';
import { runPython } from './python.ts';

const elementSchema = z.object({
  /** With its namespace in braces. */
  tag: z.string(),
  attributes: z.record(z.string(), z.string()),
  text: z.string(),
  /** After its end. */
  tail: z.string(),
  get children() {
    return z.array(elementSchema);
  },
});
export type XmlElement = z.infer<typeof elementSchema>;

const script = `
import json, sys, xml.etree.ElementTree as tree
def describe(one):
    return {'tag': one.tag, 'attributes': one.attrib, 'text': one.text or '', 'tail': one.tail or '', 'children': [describe(child) for child in one]}
print(json.dumps([describe(tree.fromstring(text)) for text in json.load(sys.stdin)]))
`;

/** Reads documents with Python's parser, which is expat. Throws for what is not well-formed. */
export function readXml(texts: readonly string[]): readonly XmlElement[] {
  return z.array(elementSchema).parse(JSON.parse(runPython(script, JSON.stringify(texts))));
}

export function allElements(element: XmlElement): readonly XmlElement[] {
  return [element, ...element.children.flatMap(allElements)];
}

/** What a reader sees of it; `br` ends a line. */
export function textOf({ text, children }: XmlElement): string {
  return `${text}${children.map((child) => `${child.tag === 'br' ? '\n' : textOf(child)}${child.tail}`).join('')}`;
}
