import type { NetworkMap } from '@holdfast/protocol';
import { NativeSelect } from '@mantine/core';
import type { ReactNode } from 'react';
import { FilterBar } from '../../components/filter-bar.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { useText } from '../../i18n/language.tsx';
import type { NetworkSearch } from './network-search.ts';

type Change = { [Key in keyof NetworkSearch]?: NetworkSearch[Key] | undefined };

export function NetworkFilters(o: {
  readonly map: NetworkMap;
  readonly search: NetworkSearch;
  readonly onChange: (change: Change) => void;
}): ReactNode {
  const t = useText();
  const { features, zones } = o.map;
  return (
    <FilterBar label={t('filter.label')}>
      <SearchField
        label={t('network.search')}
        value={o.search.text ?? ''}
        onChange={(text) => o.onChange({ text: text || undefined })}
      />
      <NativeSelect
        aria-label={t('network.feature')}
        value={o.search.feature ?? ''}
        onChange={({ currentTarget: { value } }) => o.onChange({ feature: value || undefined })}
        data={[{ value: '', label: t('network.feature.any') }, ...features.map(({ id }) => id)]}
      />
      <NativeSelect
        aria-label={t('network.zone')}
        value={o.search.zone ?? ''}
        onChange={({ currentTarget: { value } }) => o.onChange({ zone: value || undefined })}
        data={[{ value: '', label: t('network.zone.any') }, ...zones.map(({ name }) => name)]}
      />
    </FilterBar>
  );
}
