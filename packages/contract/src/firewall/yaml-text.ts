/** Values that become YAML. In a list, the key `#` of an entry is a comment above it. */
export type YamlValue = string | number | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/**
 * One YAML document, with texts as JSON writes them: YAML reads them the same way, and nothing in them has a meaning of its
 * own. Keys and comments are ours. A YAML library would take seconds for the files of 10,000 hosts.
 */
export function formatYaml(comment: readonly string[], value: { readonly [key: string]: YamlValue }): string {
  return `---\n${comment.map((line) => `# ${line}\n`).join('')}${formatEntries(value, '')}\n`;
}

function formatEntries(value: { readonly [key: string]: YamlValue }, indent: string): string {
  return Object.entries(value)
    .filter(([key]) => key !== '#')
    .map(([key, one]) => `${indent}${key}:${formatNested(one, `${indent}  `)}`)
    .join('\n');
}

/** What stands behind `key:`. */
function formatNested(value: YamlValue, indent: string): string {
  if (typeof value !== 'object') return ` ${formatScalar(value)}`;
  if (isList(value)) return value.length === 0 ? ' []' : `\n${value.map((one) => formatItem(one, indent)).join('\n')}`;
  return Object.keys(value).length === 0 ? ' {}' : `\n${formatEntries(value, indent)}`;
}

function formatItem(value: YamlValue, indent: string): string {
  if (typeof value !== 'object') return `${indent}- ${formatScalar(value)}`;
  if (isList(value)) return `${indent}-${formatNested(value, `${indent}  `)}`;
  const comment = typeof value['#'] === 'string' ? `${indent}# ${value['#']}\n` : '';
  return `${comment}${indent}- ${formatEntries(value, `${indent}  `).trimStart()}`;
}

function formatScalar(value: string | number): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}
