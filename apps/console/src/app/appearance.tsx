import { NativeSelect, useMantineColorScheme } from '@mantine/core';
import type { ReactNode } from 'react';
import { isLanguage, languages } from '../i18n/catalogue.ts';
import { useLanguage } from '../i18n/language.tsx';
import classes from './appearance.module.css';

/** Language, and light or dark. */
export function Appearance(): ReactNode {
  const { t, language, setLanguage } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <div className={classes['appearance']}>
      <NativeSelect
        size="xs"
        aria-label={t('appearance.language')}
        value={language}
        onChange={({ currentTarget: { value } }) => {
          if (isLanguage(value)) setLanguage(value);
        }}
        data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
      />
      <NativeSelect
        size="xs"
        aria-label={t('appearance.scheme')}
        value={colorScheme}
        onChange={({ currentTarget: { value } }) =>
          setColorScheme(value === 'light' || value === 'dark' ? value : 'auto')
        }
        data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`appearance.${value}`) }))}
      />
    </div>
  );
}
