import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../api/queries.ts';
import { PageHead } from '../components/page-head.tsx';
import { useText } from '../i18n/language.tsx';

/** In the place of a page that the account may not see: an old link, or a role that was changed meanwhile. */
export function NotAllowedPage(): ReactNode {
  const t = useText();
  const { data } = useQuery(routeQuery('account', {}));
  const { role = 'auditor', groups } = data?.user ?? {};
  return (
    <>
      <PageHead title={t('not-allowed.title')} />
      <p>
        {groups === undefined
          ? t('not-allowed.role', { role: t(`role.${role}`) })
          : t('not-allowed.groups', { role: t(`role.${role}`), groups: groups.join(', ') })}{' '}
        {t('not-allowed.ask')} <Link to="/">{t('nav.overview')}</Link>
      </p>
    </>
  );
}
