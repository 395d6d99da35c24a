import { Button } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './active-filters.module.css';
import type { ComputersSearch } from './computers-search.ts';

const hidden = [
  'backup',
  'lastBackupBefore',
  'lastBackupAfter',
  'drill',
  'lastDrillBefore',
  'lastDrillAfter',
] as const satisfies readonly (keyof ComputersSearch)[];

/** How many computers there are by these filters; and those filters that came with a link and have no field of their own. */
export function ActiveFilters(o: {
  readonly search: ComputersSearch;
  readonly total: number | undefined;
  readonly onDrop: (change: Partial<Record<(typeof hidden)[number], undefined>>) => void;
}): ReactNode {
  const { t, formats } = useLanguage();
  return (
    <div className={classes['filters']}>
      <span role="status">{o.total !== undefined && t('computers.total', { count: o.total })}</span>
      {hidden.map((name) => {
        const value = o.search[name];
        if (value === undefined) return null;
        const said = value === 'never' || value === 'any' ? '' : formats.dateTime(value);
        const text = t(value === 'never' ? `filter.${name as 'backup' | 'drill'}.never` : `filter.${name}`, {
          at: said,
        });
        return (
          <Button
            key={name}
            size="compact-sm"
            variant="default"
            rightSection={<IconX size={14} aria-hidden="true" />}
            onClick={() => o.onDrop({ [name]: undefined })}
            aria-label={t('filter.drop', { text })}
          >
            {text}
          </Button>
        );
      })}
    </div>
  );
}
