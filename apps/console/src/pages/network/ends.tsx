import type { NetworkMap } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';

const shownNames = 3;

/** The hosts at one end of a flow: the first names, and how many more there are. */
export function Ends(o: {
  readonly map: NetworkMap;
  readonly ids: readonly string[];
  readonly count: number;
}): ReactNode {
  const names = o.ids.flatMap((id) => o.map.nodes.find((node) => node.id === id)?.hosts.map(({ name }) => name) ?? []);
  return <HostNames names={names} count={o.count} />;
}

export function HostNames({ names, count }: { readonly names: readonly string[]; readonly count: number }): ReactNode {
  const t = useText();
  const shown = names.slice(0, count === shownNames + 1 ? shownNames + 1 : shownNames);
  return (
    <span title={names.join(', ')}>
      {shown.join(', ')}
      {count > shown.length && ` ${t('network.and-more', { count: count - shown.length })}`}
    </span>
  );
}
