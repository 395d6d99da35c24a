import type { Translate } from '../../i18n/language.tsx';
import type { MapNode } from './map-links.ts';

/** The name of the one host, or how many there are and the first of them. */
export function nodeTitle({ id, count, hosts }: MapNode, t: Translate): string {
  return count === 1 ? (hosts[0]?.name ?? id) : t('network.hosts.like', { count, first: hosts[0]?.name ?? id });
}
