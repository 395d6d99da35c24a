import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHead } from '../../components/page-head.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMayOpen } from '../../session/rights.ts';
import classes from './settings-frame.module.css';

const pages = [
  { id: 'account', to: '/settings' },
  { id: 'people', to: '/settings/people' },
  { id: 'approvals', to: '/settings/approvals' },
  { id: 'notifications', to: '/settings/notifications' },
  { id: 'certificates', to: '/settings/certificates' },
  { id: 'audit', to: '/settings/audit' },
] as const;

/** A page of the settings, with the way to the others that the person's role may see. */
export function SettingsFrame(o: {
  readonly page: (typeof pages)[number]['id'];
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  const t = useText();
  const mayOpen = useMayOpen();
  return (
    <Stacked>
      <PageHead title={t(`settings.${o.page}`)} subtitle={t(`settings.${o.page}.lead`)}>
        {o.actions}
      </PageHead>
      <nav aria-label={t('settings.label')}>
        <ul className={classes['tabs']}>
          {pages
            .filter(({ to }) => mayOpen(to))
            .map(({ id, to }) => (
              <li key={id}>
                <Link to={to} activeOptions={{ exact: true, includeSearch: false }}>
                  {t(`settings.${id}`)}
                </Link>
              </li>
            ))}
        </ul>
      </nav>
      {o.children}
    </Stacked>
  );
}
