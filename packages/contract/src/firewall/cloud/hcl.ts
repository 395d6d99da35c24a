/** The part of HashiCorp's configuration language that renderings need, laid out as `terraform fmt` does. */

/** `aws_security_group.store-1.id`: an expression that is no text. */
export class Reference {
  readonly expression: string;
  constructor(expression: string) {
    this.expression = expression;
  }
}

export type HclValue =
  | string
  | number
  | boolean
  | Reference
  | readonly HclValue[]
  | { readonly [key: string]: HclValue };

export interface HclBlock {
  /** `resource "aws_security_group" "store-1"` without the quotes. */
  readonly head: readonly string[];
  /** Lines above it. */
  readonly comment?: readonly string[];
  readonly attributes?: { readonly [name: string]: HclValue };
  readonly blocks?: readonly HclBlock[];
}

export function formatHcl(comment: readonly string[], blocks: readonly HclBlock[]): string {
  return `${[comment.map(commentLine).join('\n'), ...blocks.map((block) => formatBlock(block, ''))].join('\n\n')}\n`;
}

function formatBlock({ head, comment = [], attributes = {}, blocks = [] }: HclBlock, indent: string): string {
  const [type = '', ...labels] = head;
  const opening = `${[type, ...labels.map(quote)].join(' ')} {`;
  const inner = [
    ...(Object.keys(attributes).length > 0 ? [formatAttributes(attributes, `${indent}  `)] : []),
    ...blocks.map((block) => formatBlock(block, `${indent}  `)),
  ];
  const lines = [...comment.map((line) => `${indent}${commentLine(line)}`), `${indent}${opening}`];
  return inner.length === 0 ? `${lines.join('\n')}}` : `${lines.join('\n')}\n${inner.join('\n\n')}\n${indent}}`;
}

/** The equals signs of neighbouring lines stand below each other; what takes several lines stands alone. */
function formatAttributes(attributes: { readonly [name: string]: HclValue }, indent: string): string {
  const entries = Object.entries(attributes).map(([name, value]) => [name, formatValue(value, indent)] as const);
  const width = Math.max(0, ...entries.filter(([, text]) => !text.includes('\n')).map(([name]) => name.length));
  let result = '';
  for (const [index, [name, text]] of entries.entries()) {
    const long = text.includes('\n');
    const previousLong = entries[index - 1]?.[1].includes('\n') ?? false;
    if (index > 0) result += long || previousLong ? '\n\n' : '\n';
    result += `${indent}${long ? name : name.padEnd(width)} = ${text}`;
  }
  return result;
}

function formatValue(value: HclValue, indent: string): string {
  if (value instanceof Reference) return value.expression;
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object') return String(value);
  const inner = `${indent}  `;
  if (isList(value)) {
    if (value.length <= 1) return `[${value.map((one) => formatValue(one, inner)).join('')}]`;
    return `[\n${value.map((one) => `${inner}${formatValue(one, inner)},\n`).join('')}${indent}]`;
  }
  const quoted = Object.fromEntries(
    Object.entries(value).map(([key, one]) => [isIdentifier(key) ? key : quote(key), one]),
  );
  return `{\n${formatAttributes(quoted, inner)}\n${indent}}`;
}

function isList(value: HclValue): value is readonly HclValue[] {
  return Array.isArray(value);
}

function isIdentifier(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(text);
}

/** `${` and `%{` begin expressions inside of texts. */
function quote(text: string): string {
  const escaped = text.replaceAll(/["\\]|[^ -~]/gu, escapeCharacter);
  return `"${escaped.replaceAll(/([$%])\{/g, '$1$1{')}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
}

function commentLine(line: string): string {
  return line === '' ? '#' : `# ${line}`;
}
