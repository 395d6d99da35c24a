/** The pattern that matches this path of a snapshot, what is below it, and nothing else. */
export function patternOf(path: string): string {
  return `/${path.replace(/^\/+/, '').replaceAll(/[\\*?[\]!]/g, '\\$&')}`;
}
