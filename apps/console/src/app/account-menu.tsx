import { Button } from '@mantine/core';
import { IconLogout } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../api/queries.ts';
import { useLanguage } from '../i18n/language.tsx';
import { useSignOut } from '../session/session.tsx';
import classes from './account-menu.module.css';
import { Appearance } from './appearance.tsx';

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
