import { Button, NativeSelect, useMantineColorScheme } from '@mantine/core';
import { IconLogout } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../api/queries.ts';
import { isLanguage, languages } from '../i18n/catalogue.ts';
import { useLanguage } from '../i18n/language.tsx';
import { useSignOut } from '../session/session.tsx';
import classes from './account-menu.module.css';

/** Who has signed in, and how the console looks to them. */
export function AccountMenu(): ReactNode {
  const { t } = useLanguage();
  const account = useQuery(routeQuery('account', {}));
  const signOut = useSignOut();
  return (
    <section className={classes['account']} aria-label={t('account.label')}>
      <Appearance />
      <div className={classes['person']}>
        <div>
          <div className={classes['name']}>{account.data?.user.displayName ?? ''}</div>
          <div className={classes['role']}>{account.data ? t(`role.${account.data.user.role}`) : ''}</div>
        </div>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconLogout size={16} aria-hidden="true" />}
          onClick={() => void signOut()}
        >
          {t('account.sign-out')}
        </Button>
      </div>
    </section>
  );
}

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
