import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHead } from '../../components/page-head.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import classes from './settings-frame.module.css';

/** Each page with the route without which there is nothing to see on it. */
const pages = [
  { id: 'account', to: '/settings', route: 'account' },
  { id: 'people', to: '/settings/people', route: 'users' },
  { id: 'approvals', to: '/settings/approvals', route: 'approvals' },
  { id: 'notifications', to: '/settings/notifications', route: 'notificationSettings' },
  { id: 'audit', to: '/settings/audit', route: 'audit' },
] as const;

/** A page of the settings, with the way to the others that the person's role may see. */
export function SettingsFrame(o: {
  readonly page: (typeof pages)[number]['id'];
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  const t = useText();
  const may = useMay();
  return (
    <Stacked>
      <PageHead title={t(`settings.${o.page}`)} subtitle={t(`settings.${o.page}.lead`)}>
        {o.actions}
      </PageHead>
      <nav aria-label={t('settings.label')}>
        <ul className={classes['tabs']}>
          {pages
            .filter(({ route }) => may(route))
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
