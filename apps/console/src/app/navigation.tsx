import {
  IconDatabase,
  IconDeviceDesktop,
  IconFolders,
  IconHistory,
  IconLayoutDashboard,
  IconListCheck,
  IconRestore,
  IconRobot,
  IconRocket,
  IconSettings,
  IconShieldExclamation,
  IconSitemap,
  IconSubtask,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useText } from '../i18n/language.tsx';
import { useMayOpen } from '../session/rights.ts';
import classes from './navigation.module.css';

/** The pages that there are; shown are those that the account may open. */
const places = [
  { to: '/', text: 'nav.overview', Icon: IconLayoutDashboard },
  { to: '/computers', text: 'nav.computers', Icon: IconDeviceDesktop },
  { to: '/restore', text: 'nav.restore', Icon: IconRestore },
  { to: '/jobs', text: 'nav.jobs', Icon: IconListCheck },
  { to: '/policies', text: 'nav.policies', Icon: IconRobot },
  { to: '/groups', text: 'nav.groups', Icon: IconFolders },
  { to: '/sessions', text: 'nav.sessions', Icon: IconHistory },
  { to: '/runs', text: 'nav.runs', Icon: IconSubtask },
  { to: '/repositories', text: 'nav.repositories', Icon: IconDatabase },
  { to: '/alerts', text: 'nav.alerts', Icon: IconShieldExclamation },
  { to: '/network', text: 'nav.network', Icon: IconSitemap },
  { to: '/settings', text: 'nav.settings', Icon: IconSettings },
  { to: '/get-started', text: 'nav.get-started', Icon: IconRocket },
] as const;

export function Navigation(): ReactNode {
  const t = useText();
  const mayOpen = useMayOpen();
  return (
    <nav aria-label={t('nav.label')}>
      <ul className={classes['list']}>
        {places
          .filter(({ to }) => mayOpen(to))
          .map(({ to, text, Icon }) => (
            <li key={to}>
              <Link to={to} className={classes['link']} activeOptions={{ exact: to === '/', includeSearch: false }}>
                <Icon size={19} stroke={1.7} aria-hidden="true" />
                {t(text)}
              </Link>
            </li>
          ))}
      </ul>
    </nav>
  );
}
