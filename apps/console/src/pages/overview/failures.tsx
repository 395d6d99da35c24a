import type { Answer } from '@holdfast/protocol';
import { IconCircleCheck } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { CountedLink } from '../../components/counted-link.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './overview.module.css';

/** What failed since yesterday, by cause, and what can be done. */
export function Failures({ failures }: { readonly failures: Answer<'overview'>['failures'] }): ReactNode {
  const { t } = useLanguage();
  return (
    <Card title={t('overview.failures')}>
      {failures.causes.length === 0 ? (
        <p className={classes['calm']}>
          <IconCircleCheck size={20} aria-hidden="true" />
          {t('overview.no-failures')}
        </p>
      ) : (
        <ul className={classes['list']}>
          {failures.causes.map((cause) => (
            <li key={cause.code}>
              <div className={classes['line']}>
                <strong>{cause.meaning}</strong>
                <CountedLink to={cause}>{t('overview.times', { count: cause.count })}</CountedLink>
              </div>
              <p>{cause.guidance}</p>
              <p className={classes['soft']}>
                {t('overview.last-of', { count: cause.computers })}{' '}
                <Link to="/computers/$id" params={{ id: cause.last.agentId }}>
                  {cause.last.hostname}
                </Link>
                {', '}
                <Age at={cause.last.at} />: {cause.last.message}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
