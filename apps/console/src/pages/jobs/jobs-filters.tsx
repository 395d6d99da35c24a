import { Button, NativeSelect } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { FilterBar } from '../../components/filter-bar.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { useText } from '../../i18n/language.tsx';
import { oneOf } from '../search-values.ts';
import { areFiltered, type JobsSearch } from './jobs-search.ts';

const switches = ['true', 'false'] as const;

/** Which of the jobs, or of the policies, are shown. */
export function JobsFilters(o: {
  readonly list: '/jobs' | '/policies';
  readonly search: JobsSearch;
  readonly onChange: (change: Readonly<Record<string, string | undefined>>) => void;
}): ReactNode {
  const t = useText();
  return (
    <FilterBar label={t('filter.label')}>
      <SearchField
        label={t('repositories.search')}
        value={o.search.text ?? ''}
        onChange={(text) => o.onChange({ text })}
      />
      <NativeSelect
        aria-label={t('jobs.column.enabled')}
        value={o.search.enabled ?? ''}
        onChange={({ currentTarget: { value } }) => o.onChange({ enabled: oneOf(value, switches) })}
        data={[
          { value: '', label: t('jobs.enabled.any') },
          ...switches.map((value) => ({ value, label: t(`jobs.enabled.${value}`) })),
        ]}
      />
      {areFiltered(o.search) && (
        <Button component={Link} to={o.list} variant="default">
          {t('filter.drop-all')}
        </Button>
      )}
    </FilterBar>
  );
}
