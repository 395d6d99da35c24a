import { Switch } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './session-log.module.css';

/** The newest ones: of a session of thousands of computers the whole log would be no help here. */
const shownLines = 1_000;
const refreshMs = 1_500;
/** What computers wrote last arrives after the end of their tasks. */
const lastLinesMs = 10_000;

/** What all who worked on a session wrote, by time. It follows the end while the session goes on, if the person likes. */
export function SessionLog(o: { readonly sessionId: string; readonly isOpen: boolean }): ReactNode {
  const { t, formats } = useLanguage();
  const [isFollowing, setIsFollowing] = useState(true);
  const end = useRef<HTMLDivElement>(null);
  const args = { params: { id: o.sessionId }, query: { limit: shownLines, order: 'desc' as const } };
  const [isComplete, setIsComplete] = useState(!o.isOpen);
  useEffect(() => {
    if (o.isOpen) return setIsComplete(false);
    const timer = setTimeout(() => setIsComplete(true), lastLinesMs);
    return () => clearTimeout(timer);
  }, [o.isOpen]);
  const log = useQuery({ ...routeQuery('sessionLog', args), refetchInterval: isComplete ? false : refreshMs });
  const lines = log.data?.lines.toReversed() ?? [];
  useEffect(() => {
    const box = end.current;
    if (isFollowing && box) box.scrollTop = box.scrollHeight;
  }, [isFollowing, log.data]);
  return (
    <Card
      title={t('session.log')}
      aside={
        <Switch
          label={t('session.log.follow')}
          checked={isFollowing}
          onChange={({ currentTarget }) => setIsFollowing(currentTarget.checked)}
        />
      }
    >
      {log.error && <ProblemAlert error={log.error} />}
      <div ref={end} className={classes['log']} tabIndex={0} role="log" aria-label={t('session.log')}>
        {lines.length === 0 && <p>{t('session.log.empty')}</p>}
        {log.data?.next !== undefined && <p>{t('session.log.earlier', { count: lines.length })}</p>}
        {lines.map(({ runId, number, at, level, process, message }) => (
          <div key={`${runId} ${number}`} className={classes['line']} data-level={level}>
            <time dateTime={at}>{formats.clock(at)}</time>
            <span className={classes['process']}>{t(`process.${process}`)}</span>
            <span>{message}</span>
          </div>
        ))}
      </div>
    </Card>
  );
}
